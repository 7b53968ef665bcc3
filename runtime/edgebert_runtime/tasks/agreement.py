"""How far two graphs of one model give the same answers, for each task.

`edgebert_quantize` compares the answers of a quantized graph with those of fp32 by what a task's
`TaskSpec` names here. They are answers of `TaskModel.predict` with the usual options.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tokenization.items import Item

RESOLUTION: Final = 0.02
"""A smaller difference between two scores of fp32 is a tie. So much may a score of one quantized
file differ between two CPUs (docs/decisions/0018-budgets-and-agreement.md)."""

YES: Final = 0.5
"""From this probability on a label of its own is given, and a text follows another."""


DOCUMENTS: Final = 16
"""Of each query."""


class Counts(NamedTuple):
    """What a comparison found.

    Attributes:
        value: of the metric; 1 where all answers agree.
        flipped: how many answers differ.
        counted: of how many.
    """

    value: float
    flipped: int
    counted: int


@dataclass(frozen=True, kw_only=True)
class Agreement(AsDict):
    """How far answers agree with those of fp32.

    Attributes:
        metric: `labels`, `entities`, `order` or what else the task names.
        value: of the metric; 1 where all answers agree.
        flipped: how many answers differ.
        counted: of how many.
        unit: what is counted.
    """

    metric: str
    value: float
    flipped: int
    counted: int
    unit: str

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.metric}: {self.flipped} of {self.counted} {self.unit})"


Measure = Callable[[Sequence[Any], Sequence[Any]], Counts | None]
"""Answers, and those of fp32 to the same items → how far they agree; None where none counts."""


@dataclass(frozen=True, kw_only=True)
class AgreementSpec:
    """How answers of a task are compared.

    Attributes:
        metric: its name in the manifest.
        unit: what is counted, in the plural.
        measure: the comparison.
        chosen: whether answers are the best of several scores, so that ties can be told; False
            where `measure` sees to ties.
        items: what is answered, made of texts; None takes the task's item for each text.
        options: of the call; None for the usual.
    """

    metric: str
    unit: str
    measure: Measure
    chosen: bool = True
    items: Callable[[Sequence[str]], list[Item]] | None = None
    options: TaskOptions | None = None

    def compare(self, found: Sequence[Any], expected: Sequence[Any]) -> Agreement | None:
        """How far answers agree with those of fp32 to the same items; None where none counts."""
        counts = self.measure(found, expected)
        if counts is None:
            return None
        return Agreement(metric=self.metric, unit=self.unit, **counts._asdict())


def each_alone(same: Callable[[Any, Any], bool]) -> Measure:
    """The share of answers that are the same, each compared by itself."""

    def measure(found: Sequence[Any], expected: Sequence[Any]) -> Counts | None:
        count = len(expected)
        flips = count - sum(same(*pair) for pair in zip(found, expected, strict=True))
        return Counts(value=1 - flips / count, flipped=flips, counted=count) if count else None

    return measure


def labels(found: Sequence[Any], expected: Sequence[Any]) -> Counts | None:
    """Share of texts with the same label; of independent labels the same ones. None for values."""
    activation = expected[0].activation if expected else "none"
    given = {"softmax": _best, "sigmoid": _likely}.get(activation)
    if given is None:
        return None
    return each_alone(lambda here, there: given(here) == given(there))(found, expected)


def _best(answer: Any) -> set[str]:
    return {answer.best.label}


def _likely(answer: Any) -> set[str]:
    return {each.label for each in answer.scores if each.score >= YES}


def entities(found: Sequence[Any], expected: Sequence[Any]) -> Counts | None:
    """F1 of entities: one is right if its label and both its ends are those of fp32."""
    there, here = _places(expected), _places(found)
    counted, flipped = len(there) + len(here), len(there ^ here)
    if not counted:
        return None
    return Counts(value=1 - flipped / counted, flipped=flipped, counted=counted)


def _places(answers: Sequence[Any]) -> set[tuple[int, str, int, int]]:
    return {
        (number, entity.label, entity.start, entity.end)
        for number, answer in enumerate(answers)
        for entity in answer
    }


def queries(texts: Sequence[str]) -> list[Item]:
    """Pairs of query and document: every `DOCUMENTS` texts are the documents of one query.

    The query is the first half of the first of them, so that one document answers it.
    """
    groups = (texts[at : at + DOCUMENTS] for at in range(0, len(texts), DOCUMENTS))
    return [(_first_half(group[0]), document) for group in groups for document in group]


def _first_half(text: str) -> str:
    words = text.split()
    return " ".join(words[: (len(words) + 1) // 2])


def order(found: Sequence[float], expected: Sequence[float]) -> Counts | None:
    """Kendall's tau of the documents of a query (Kendall 1938), over pairs that fp32 tells apart.

    The scores are those of `queries`. Pairs of all queries are counted together.
    """
    starts = range(0, len(expected), DOCUMENTS)
    groups = [_pairs(found[at : at + DOCUMENTS], expected[at : at + DOCUMENTS]) for at in starts]
    flipped, counted = (sum(each) for each in zip(*groups, strict=True)) if groups else (0, 0)
    if not counted:
        return None
    return Counts(value=1 - 2 * flipped / counted, flipped=flipped, counted=counted)


def _pairs(found: Sequence[float], expected: Sequence[float]) -> tuple[int, int]:
    """Pairs in another order, and pairs that fp32 tells apart."""
    upper = np.triu_indices(len(expected), 1)
    there, here = (np.subtract.outer(each, each)[upper] for each in (expected, found))
    told = np.abs(there) > RESOLUTION
    return int((told & ~(there * here > 0)).sum()), int(told.sum())


def spans(found: Sequence[Any], expected: Sequence[Any]) -> Counts | None:
    """Mean F1 of the characters of the best answer; one with another place is flipped.

    An answer has the best spans by falling score. One whose best span is a tie in fp32 is the same.
    """
    if not expected:
        return None
    overlaps = [_overlap(here[0], there) for here, there in zip(found, expected, strict=True)]
    return Counts(
        value=float(np.mean(overlaps)),
        flipped=sum(overlap < 1 for overlap in overlaps),
        counted=len(overlaps),
    )


def _overlap(found: Any, expected: Sequence[Any]) -> float:
    best = expected[0]
    scores = {(each.start, each.end): each.score for each in expected}
    lowest = min(scores.values())  # what is not among the best has no more
    if best.score - scores.get((found.start, found.end), lowest) <= RESOLUTION:
        return 1.0
    shared = max(0, min(found.end, best.end) - max(found.start, best.start))
    return float(2 * shared / (found.end - found.start + best.end - best.start))


def same_tokens(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether every mask has the same best token."""
    pairs = zip(found, expected, strict=True)
    return all(here[0].token_id == there[0].token_id for here, there in pairs)


def same_side(found: float, expected: float) -> bool:
    """Whether two probabilities are on one side of 1/2."""
    return (found >= YES) == (expected >= YES)
