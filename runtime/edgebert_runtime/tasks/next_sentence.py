"""Whether one text follows another."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from edgebert_runtime.inference.arrays import logits
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.tasks.agreement import AgreementSpec, each_alone, same_side
from edgebert_runtime.tasks.base import RowOutputs, TaskModel
from edgebert_runtime.tasks.explainable import require_no_target, require_pair
from edgebert_runtime.tasks.options import ShortTextOptions
from edgebert_runtime.tasks.spec import (
    CommandSpec,
    TaskProbe,
    TaskSpec,
    constant_columns,
    pair_item,
)
from edgebert_runtime.tokenization.encoding import EncodedItem
from edgebert_runtime.tokenization.items import Item, check_text
from edgebert_runtime.tokenization.sliding_window import Long

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.words import Shortened


class NextSentence(TaskModel[ShortTextOptions]):
    """Says how probable it is that a text follows another; made by `load`."""

    OPTIONS: ClassVar = ShortTextOptions
    GRAPH: ClassVar = logits(2)

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
        options = ShortTextOptions(long=long)
        pair = check_text("first", first), check_text("second", second)
        (probability,) = self._predict("score", [pair], options)
        return float(probability)

    ascore = asynchronous(score)

    def _decode_item(
        self, item: EncodedItem, rows: Iterable[RowOutputs], options: ShortTextOptions
    ) -> float:
        ((_, (scores,)),) = rows
        return float(softmax(scores)[0])

    def _seen(self, item: Item) -> tuple[str, str]:
        return require_pair(item, "a text", "perhaps the next one")

    def _target(self, item: Item, wanted: str | None) -> Target:
        """The probability that the second text follows the first."""
        require_no_target(wanted, "next_sentence")
        pair = self._seen(item)

        def values(shorter: Sequence["Shortened"]) -> list[float]:
            return [
                float(each) for each in self.predict([one.item for one in shorter], progress=False)
            ]

        return Target(name="probability", item=pair, values=values)


SPEC: Final = TaskSpec(
    name="next_sentence",
    model=NextSentence,
    labels=None,
    pipeline_tag="text-classification",
    example='probability = model.score("a sentence", "perhaps the next one")',
    columns=constant_columns({"probability": float}),
    record=lambda probability: {"probability": probability},
    command=CommandSpec(
        summary="Give the probability that the second of two texts follows the first",
        pairs="always",
        example='"A sentence." "Perhaps the next one."',
    ),
    probe=TaskProbe(
        options=ShortTextOptions(),
        comparable=lambda probability: [{"follows": probability}],
        measure="scores",
    ),
    item=pair_item,
    agreement=AgreementSpec(metric="sides", unit="pairs of texts", measure=each_alone(same_side)),
)
