"""Shapley values of words, exact for few and sampled for many.

Shapley 1953, "A Value for n-Person Games": a word's mean worth over all orders in which words can
be added to the empty text. Sampled as in Castro, Gómez, Tejada 2009, "Polynomial calculation of the
Shapley value based on sampling", each order together with its reverse (Mitchell, Cooper, Frank,
Holmes 2022, "Sampling Permutations for Shapley Value Estimation", section 3).
"""

from collections.abc import Sequence
from itertools import combinations
from math import comb, sqrt
from random import Random
from typing import Final, NamedTuple

from edgebert_runtime.postprocessing.explanation.coalitions import Coalition, Coalitions

EXACT: Final = 8
"""Up to so many words all of their sets are run: 256."""

AT_ONCE: Final = 4
"""Orders, and their reverses, that are run together."""

FEWEST: Final = 8
"""Orders, with their reverses, before a standard error is believed."""


class Sampled(NamedTuple):
    """Shapley values.

    Attributes:
        values: of each free word; they sum to the answer less that of the empty text.
        errors: standard error of each; 0 where values are exact.
        reached: whether the errors are as small as was asked for.
    """

    values: list[float]
    errors: list[float]
    reached: bool


def shapley(coalitions: Coalitions, error: float, most_runs: int, seed: int) -> Sampled:
    """Shapley values of the free words.

    Args:
        coalitions: of the text.
        error: the largest standard error to stop at, in units of the answer.
        most_runs: how many texts may be run; it stops before more, whatever the error.
        seed: of the orders.
    """
    if len(coalitions.free) <= EXACT:
        values = _exact(coalitions)
        return Sampled(values, [0.0] * len(values), reached=True)
    return _sampled(coalitions, error, most_runs, Random(seed))


def _exact(coalitions: Coalitions) -> list[float]:
    """The definition, over all sets of words."""
    free = coalitions.free
    sets = [frozenset(each) for size in range(len(free) + 1) for each in combinations(free, size)]
    worth = dict(zip(sets, coalitions.values(sets), strict=True))
    return [
        sum(
            (worth[each | {word}] - worth[each]) / (len(free) * comb(len(free) - 1, len(each)))
            for each in sets
            if word not in each
        )
        for word in free
    ]


def _sampled(coalitions: Coalitions, error: float, most_runs: int, random: Random) -> Sampled:
    free = coalitions.free
    each_takes = 2 * len(free)
    samples: list[list[float]] = []
    while True:
        orders = [random.sample(free, len(free)) for _ in range(AT_ONCE)]
        both = [order for drawn in orders for order in (drawn, drawn[::-1])]
        worth = [_marginal(coalitions, order) for order in _run(coalitions, both)]
        pairs = zip(worth[::2], worth[1::2], strict=True)
        samples += [[(one[word] + other[word]) / 2 for word in free] for one, other in pairs]
        values, errors = _summary(samples)
        reached = len(samples) >= FEWEST and max(errors) <= error
        if reached or coalitions.runs + AT_ONCE * each_takes > most_runs:
            return Sampled(values, errors, reached)


def _run(coalitions: Coalitions, orders: Sequence[list[int]]) -> Sequence[list[int]]:
    """Run the sets of all orders at once, so that micro-batches are full."""
    coalitions.values(each for order in orders for each in _growing(order))
    return orders


def _growing(order: Sequence[int]) -> list[Coalition]:
    """The sets that come up as words are added one by one, the empty one first."""
    return [frozenset(order[:count]) for count in range(len(order) + 1)]


def _marginal(coalitions: Coalitions, order: Sequence[int]) -> dict[int, float]:
    """Word → what it adds when it comes."""
    worth = coalitions.values(_growing(order))
    return {word: worth[at + 1] - worth[at] for at, word in enumerate(order)}


def _summary(samples: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Mean of each word, and the standard error of that mean."""
    count = len(samples)
    means = [sum(column) / count for column in zip(*samples, strict=True)]
    squares = [
        sum((value - mean) ** 2 for value in column)
        for column, mean in zip(zip(*samples, strict=True), means, strict=True)
    ]
    return means, [
        sqrt(square / (count - 1) / count) if count > 1 else float("inf") for square in squares
    ]
