"""Whether one text follows another."""

from edgebert_runtime.tasks.asynchronous import asynchronous
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.scores import softmax
from edgebert_runtime.tokenization import check_text


class NextSentence(TaskModel):
    """Says how probable it is that a text follows another; made by `load`."""

    def _prepare(self) -> None:
        self._require_head("softmax")

    def score(self, first: str, second: str) -> float:
        """The probability that `second` follows `first`, from 0 to 1.

        As BERT was trained to tell (Devlin et al. 2019, section 3.1, task 2). Where both together
        exceed the bundle's limit, the longer is cut first, with a `TruncationWarning`.

        Raises:
            InputError: one of them is not a string or not text.
        """
        check_text("first", first)
        check_text("second", second)
        ((logits,),) = self._run_all(self._tokenizer.encode_items([(first, second)]))
        self._warn_if_truncated()
        return float(softmax(logits)[0])

    ascore = asynchronous(score)
