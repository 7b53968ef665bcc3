"""Samples through the public methods of each task's model, and how far apart two answers are."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np

from edgebert_runtime.errors import TruncationWarning
from edgebert_runtime.tokenization.tokenizer import Item

Vector = Sequence[float]
Places = Sequence[Mapping[str, float]]
"""What a model scores — a text, a token, a mask — each with what it may be → score, best first."""

Pair = tuple[str, str]

CANDIDATES: Final = 64
"""Fillings asked for. What is not among so many has a probability below 1/64."""
SPANS: Final = 20
"""Answers asked for; their scores depend on how many are asked for, so it is always the same."""


class Deviation(NamedTuple):
    """How far an answer is off, and the place where it is furthest.

    Attributes:
        amount: in the measure of the task; infinite where a number is none.
        at: the place, in words.
        found, expected: what is there.
    """

    amount: float
    at: str
    found: float
    expected: float


@dataclass(frozen=True, kw_only=True)
class TaskProbe:
    """How samples of a task are run and compared.

    Attributes:
        run: from a model and items to an answer for each.
        off: from an expected and a found answer to how far they are apart.
        measure: what that is, in words.
        kept: how many of each place's scores are stored; None is all.
    """

    run: Callable[[Any, Any], list[Any]]
    off: Callable[[Any, Any], Deviation]
    measure: str
    kept: int | None = None


def answers(task: str, model: Any, items: Sequence[Item]) -> list[Any]:
    """What a model answers to each item: for `embed` a `Vector`, for other tasks `Places`.

    Raises:
        InputError: the task takes no such item.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)  # one sample is there to be cut
        return EXERCISES[task].run(model, items)


def vector_deviation(expected: Vector, found: Vector) -> Deviation:
    """Euclidean distance, as a share of the expected vector's length."""
    if len(expected) != len(found):
        return Deviation(np.inf, "the numbers of the vector", len(found), len(expected))
    there, here = np.asarray(expected, np.float64), np.asarray(found, np.float64)
    apart = here - there
    length = float(np.linalg.norm(there)) or 1.0
    at = int(np.nan_to_num(np.abs(apart), nan=np.inf).argmax())
    amount = _finite(float(np.linalg.norm(apart)) / length)
    return Deviation(amount, f"number {at} of the vector", float(here[at]), float(there[at]))


def score_deviation(expected: Places, found: Places, *, shares: bool) -> Deviation:
    """How far a score moved, as a share of it if it is above 1; the furthest of all.

    Either side may name only its best. What one side lacks counts as little moved as can be, so two
    that change places because they are equal make no difference.

    Args:
        expected: each place's scores there.
        found: likewise here.
        shares: whether the scores of a place are shares of 1.
    """
    if len(expected) != len(found):
        return Deviation(np.inf, "the number of answers", len(found), len(expected))
    offs = [
        off
        for at, (there, here) in enumerate(zip(expected, found, strict=True))
        for off in _each_off(at, there, here, shares=shares)
    ]
    return max(offs, key=lambda off: off.amount, default=Deviation(0.0, "nothing", 0.0, 0.0))


def _each_off(
    at: int, there: Mapping[str, float], here: Mapping[str, float], *, shares: bool
) -> Iterable[Deviation]:
    room_there, room_here = _room(there, shares=shares), _room(here, shares=shares)
    for key in {**there, **here}:
        expected = there[key] if key in there else min(here[key], room_there)
        found = here[key] if key in here else min(there[key], room_here)
        amount = _finite(abs(found - expected) / max(1.0, abs(expected)))
        yield Deviation(amount, f"the score of {key!r} at place {at}", found, expected)


def _room(scores: Mapping[str, float], *, shares: bool) -> float:
    """The highest score that something can have which is not among the best."""
    left = max(0.0, 1.0 - sum(scores.values())) if shares else np.inf
    return min(left, *scores.values()) if scores else 0.0


def _finite(amount: float) -> float:
    return amount if np.isfinite(amount) else np.inf


def _embed(model: Any, items: Sequence[Item]) -> list[Vector]:
    return [vector.tolist() for vector in model.embed(list(items))]


def _classify(model: Any, items: Sequence[Item]) -> list[Places]:
    return [
        [{label.label: label.score for label in found.scores}]
        for found in model.classify(list(items))
    ]


def _tag(model: Any, items: Sequence[Item]) -> list[Places]:
    found = model.tag(list(items), aggregation="none", ignore=())
    return [[{token.label: token.score} for token in tokens] for tokens in found]


def _answer(model: Any, items: Sequence[Pair]) -> list[Places]:
    found = (model.answer(question, context, top_k=SPANS) for question, context in items)
    # Spans that read alike are one answer, and which of them stands for it may hang by a rounding.
    return [[{answer.text.lower(): answer.score for answer in answers}] for answers in found]


def _rank(model: Any, items: Sequence[Pair]) -> list[Places]:
    places: list[Places] = []
    for query, pairs in groupby(items, key=lambda item: item[0]):
        ranked = model.rank(query, [document for _, document in pairs])
        in_order = sorted(ranked, key=lambda document: document.index)
        places += [[{"relevance": document.score}] for document in in_order]
    return places


def _fill(model: Any, items: Sequence[Item]) -> list[Places]:
    found = (model.fill(text, top_k=CANDIDATES) for text in items)
    return [[{str(one.token_id): one.score for one in mask} for mask in masks] for masks in found]


def _next_sentence(model: Any, items: Sequence[Pair]) -> list[Places]:
    return [[{"follows": model.score(first, second)}] for first, second in items]


_DISTANCE: Final = "Euclidean distance from the expected vector, as a share of its length"
_SCORES: Final = "largest change of a score, as a share of it where it is above 1"
_by_share: Final = partial(score_deviation, shares=True)
_by_score: Final = partial(score_deviation, shares=False)

EXERCISES: Final[Mapping[str, TaskProbe]] = {
    "embed": TaskProbe(run=_embed, off=vector_deviation, measure=_DISTANCE),
    "classify": TaskProbe(run=_classify, off=_by_score, measure=_SCORES),
    "tag": TaskProbe(run=_tag, off=_by_share, measure=_SCORES),
    "answer": TaskProbe(run=_answer, off=_by_score, measure=_SCORES, kept=5),
    "rank": TaskProbe(run=_rank, off=_by_score, measure=_SCORES),
    "fill": TaskProbe(run=_fill, off=_by_share, measure=_SCORES, kept=5),
    "next_sentence": TaskProbe(run=_next_sentence, off=_by_score, measure=_SCORES),
}
"""Task → its exercise."""
