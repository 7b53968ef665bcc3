"""What an explanation says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.errors import InputError
from edgebert_runtime.inference.reports import AsDict, Report, to_plain
from edgebert_runtime.postprocessing.explanation.words import Word
from edgebert_runtime.reporting.text_table import table_lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgebert_runtime.postprocessing.explanation.attention import HeadSummary

DECIMALS: Final = 6
"""Of attention weights as JSON: float32 in another order of sums differs in the seventh."""

STRONGEST: Final = 3
"""Tokens that are named of those that one token attends to."""

HEAD_COLUMNS: Final = ("layer", "head", "entropy", "distance", "previous", "next", "separator")


@dataclass(frozen=True, kw_only=True)
class Attribution(AsDict):
    """How much of an answer is each word's.

    Attributes:
        values: of each word, in units of the answer; None for a word that must stay.
        errors: standard error of each value; None where values are differences of real answers.
        reached: whether the errors are as small as was asked for.
    """

    values: Sequence[float | None]
    errors: Sequence[float | None] | None = None
    reached: bool = True


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Explanation(Report):
    """Which words an answer hangs on, and where tokens attend to.

    Attributes:
        task: of the model.
        variant: which graph answered; `torch` where a checkpoint did.
        target: what number is explained, such as `score of POSITIVE`; None where only attention
            was asked for.
        value: that number for the whole text; None likewise.
        empty: the same without any word that may be taken out; None likewise.
        words: of the text, or of both texts of a pair, in order.
        attributions: method → what it gives each word.
        runs: how many texts were run.
        tokens: what the model reads, as the vocabulary spells them; for `embed` those of the first
            text.
        attention: (layers, heads, tokens, tokens): how much a token, the third index, takes from
            each other one; None unless it was asked for.
        heads: a few numbers of each head, layer by layer; none unless attention was asked for.
        rollout: (tokens, tokens), attention through all layers (Abnar and Zuidema 2020); None
            likewise.
        attention_variant: which graph gave attention; None likewise.
    """

    task: str
    variant: str
    target: str | None
    value: float | None
    empty: float | None
    words: Sequence[Word]
    attributions: Mapping[str, Attribution]
    runs: int
    tokens: Sequence[str] = ()
    attention: "NDArray[np.float32] | None" = None
    heads: "Sequence[HeadSummary]" = ()
    rollout: "NDArray[np.float32] | None" = None
    attention_variant: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; weights of attention are rounded to 6 decimals."""
        arrays = {"attention": self.attention, "rollout": self.rollout}
        plain = {name: None if each is None else _rounded(each) for name, each in arrays.items()}
        others = (name for name in self.__dataclass_fields__ if name not in arrays)
        return {**{name: to_plain(getattr(self, name)) for name in others}, **plain}

    def lines(self, width: int | None = None) -> Iterator[str]:
        """A table with a row for each word, and one with a row for each head."""
        if self.target is not None:
            yield f"{self.target}: {self.value:.4f}; without any word: {self.empty:.4f}"
            methods = list(self.attributions)
            rows = [
                [word.text, *(self._cell(name, number) for name in methods)]
                for number, word in enumerate(self.words)
            ]
            names = (name.replace("_", " ") for name in methods)
            yield from table_lines(["word", *names], rows, width)
        if self.attention is not None:
            yield from self._attended(width)
        yield from self._notes()

    def with_attention(self, other: "Explanation") -> "Explanation":
        """This explanation with the attention of another one, of the same item.

        Words can so be attributed by a fast graph, and attention comes from one that shows it.

        Args:
            other: of `explain(item, method="attention")`, of any variant of the same bundle.

        Raises:
            InputError: it has no attention, or is of another item, task or tokenizer.
        """
        if other.attention is None:
            raise InputError("other has no attention; explain the item with method='attention'")
        if (self.task, self.words, self.tokens) != (other.task, other.words, other.tokens):
            raise InputError(
                "other has other words, tokens or another task; explain the same item, with a "
                "variant of the same bundle"
            )
        return replace(
            self,
            runs=self.runs + other.runs,
            attention=other.attention,
            heads=other.heads,
            rollout=other.rollout,
            attention_variant=other.attention_variant,
        )

    def map_of(self, layer: int, head: int) -> "NDArray[np.float32]":
        """The map of one head, (tokens, tokens).

        Args:
            layer: from 0.
            head: of the layer, from 0.

        Raises:
            InputError: there is no such head, or attention was not asked for.
        """
        if self.attention is None:
            raise InputError("attention was not asked for; pass method='attention'")
        layers, heads = self.attention.shape[:2]
        if not (0 <= layer < layers and 0 <= head < heads):
            raise InputError(
                f"head {layer}.{head} is not there: layers are 0 to {layers - 1}, and heads of "
                f"each 0 to {heads - 1}"
            )
        found: NDArray[np.float32] = self.attention[layer, head]
        return found

    def head_lines(self, layer: int, head: int, width: int | None = None) -> Iterator[str]:
        """A table of one head: for each token those that it attends to most.

        Args:
            layer: from 0.
            head: of the layer, from 0.
            width: characters that lines are folded to; None is any number.

        Raises:
            InputError: as `map_of`.
        """
        found = self.map_of(layer, head)
        rows = [
            [token, ", ".join(self._strongest(weights))]
            for token, weights in zip(self.tokens, found, strict=True)
        ]
        return table_lines([f"head {layer}.{head}", "attends to"], rows, width)

    def _attended(self, width: int | None) -> Iterator[str]:
        yield (
            f"attention of {len(self.heads)} heads over {len(self.tokens)} tokens, by variant "
            f"{self.attention_variant}"
        )
        rows = [
            [str(each.layer), str(each.head), *(f"{value:.3f}" for value in _measured(each))]
            for each in self.heads
        ]
        yield from table_lines(HEAD_COLUMNS, rows, width)
        if self.rollout is not None:
            strongest = ", ".join(self._strongest(self.rollout[0]))
            yield f"rollout (Abnar and Zuidema 2020) of {self.tokens[0]}: {strongest}"

    def _strongest(self, weights: "NDArray[np.float32]") -> list[str]:
        first = weights.argsort(kind="stable")[::-1][:STRONGEST]
        return [f"{self.tokens[at]} {weights[at]:.3f}" for at in first]

    def _cell(self, method: str, number: int) -> str:
        found = self.attributions[method]
        value = found.values[number]
        if value is None:
            return "must stay"
        error = found.errors[number] if found.errors else None
        return f"{value:+.4f}" + (f" ± {error:.4f}" if error else "")

    def _notes(self) -> Iterator[str]:
        for name, found in self.attributions.items():
            if not found.reached:
                yield (
                    f"{name}: the errors are larger than asked for; allow more runs, or a larger "
                    "error"
                )
        yield f"{self.runs:,} {'text was' if self.runs == 1 else 'texts were'} run"


def _measured(summary: "HeadSummary") -> Iterator[float]:
    return (getattr(summary, name) for name in HEAD_COLUMNS[2:])


def _rounded(weights: "NDArray[np.float32]") -> list[Any]:
    """As lists; in float64, where a rounded number has few digits."""
    rounded: list[Any] = weights.astype("float64").round(DECIMALS).tolist()
    return rounded
