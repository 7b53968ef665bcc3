"""Samples through each task's model, and how far apart two answers are."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np

from edgebert_runtime.errors import TruncationWarning
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.spec import Measure, TaskSpec
from edgebert_runtime.tokenization.items import Item

_END: Final = object()

Vector = Sequence[float]
Places = Sequence[Mapping[str, float]]
"""What a model scores — a text, a token, a mask — each with what it may be → score, best first."""


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


def probe(spec: TaskSpec, model: TaskModel[Any], items: Sequence[Item]) -> list[Any]:
    """What a model answers to each item, as it is compared: a `Vector` or `Places`.

    Answers may hold NaN here: the comparison finds it.

    Raises:
        InputError: the task takes no such item.
    """
    options = spec.probe.options
    encoded = model.encode(items, options)
    answers = model.decode(encoded, model.run(encoded, options, finite=False), options)
    return [spec.probe.comparable(each) for each in answers]


def stream(spec: TaskSpec, model: TaskModel[Any], items: Iterator[Item]) -> Iterator[Any]:
    """As `probe`, of items that are read as their answers are taken.

    Raises:
        InputError: the task takes no such item; the text has its number.
    """
    answers = model.predict(items, spec.probe.options)
    while True:
        with warnings.catch_warnings():  # not around the loop: a generator would leave it open
            warnings.simplefilter("ignore", TruncationWarning)
            answer = next(answers, _END)
        if answer is _END:
            return
        yield spec.probe.comparable(answer)


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


class Comparison(NamedTuple):
    """How two answers are compared: the function, and in words what it measures."""

    deviation: Callable[[Any, Any], Deviation]
    measure: str


_SCORES: Final = "largest change of a score, as a share of it where it is above 1"

COMPARISONS: Final[Mapping[Measure, Comparison]] = {
    "distance": Comparison(
        vector_deviation, "Euclidean distance from the expected vector, as a share of its length"
    ),
    "scores": Comparison(partial(score_deviation, shares=False), _SCORES),
    "probabilities": Comparison(partial(score_deviation, shares=True), _SCORES),
}
"""A probe's measure → the comparison."""
