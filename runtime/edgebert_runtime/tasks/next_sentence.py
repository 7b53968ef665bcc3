"""Whether one text follows another."""

from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tokenization.sliding_window import Long
from edgebert_runtime.tokenization.tokenizer import check_text


class NextSentence(TaskModel):
    """Says how probable it is that a text follows another; made by `load`."""

    def _prepare(self) -> None:
        self._require_head("softmax")

    def score(self, first: str, second: str, *, long: Long = "truncate") -> float:
        """The probability that `second` follows `first`, from 0 to 1.

        As BERT was trained to tell (Devlin et al. 2019, section 3.1, task 2).

        Args:
            first: a string.
            second: what may follow it.
            long: where both together exceed the bundle's limit, `truncate` cuts the longer first,
                with a `TruncationWarning`, and `error` refuses them.

        Raises:
            InputError: one of them is not a string or not text, or both are too long and `long` is
                `error`.
            ConfigError: another `long`.
        """
        check_text("first", first)
        check_text("second", second)
        call = self._call(long, windows=False)
        rows, _ = self._rows([(first, second)], call)
        ((logits,),) = self._run_one(rows, call)
        return float(softmax(logits)[0])

    ascore = asynchronous(score)
