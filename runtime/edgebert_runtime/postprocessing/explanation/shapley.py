"""Shapley values of words, exact for few and sampled for many.

Shapley 1953, "A Value for n-Person Games": a word's mean worth over all orders in which words can
be added to the empty text. Sampled sets come in pairs, each with its complement (Covert and Lee
2021, "Improving KernelSHAP", section 4.2). A model of the pairs takes most of the variance: its
Shapley values are exact, and those of what it misses are sampled, so the estimate has no bias
(Witter, Liu, Musco 2025, "Regression-adjusted Monte Carlo Estimators for Shapley Values").
"""

from itertools import combinations
from math import ceil, comb
from typing import Final, NamedTuple

import numpy as np

from edgebert_runtime.postprocessing.explanation.coalitions import Coalitions
from edgebert_runtime.postprocessing.explanation.pairs import draw
from edgebert_runtime.postprocessing.explanation.sampling import Estimate

EXACT: Final = 8
"""Up to so many words all of their sets are run: 256."""

FIRST: Final = 64
"""Pairs that are run before a standard error is believed."""

FEWEST: Final = 16
"""Pairs that are run together later, so that micro-batches are full."""


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
        seed: of the sets.
    """
    if len(coalitions.free) <= EXACT:
        values = _exact(coalitions)
        return Sampled(values, [0.0] * len(values), reached=True)
    return _sampled(coalitions, error, most_runs, np.random.default_rng(seed))


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


def _sampled(
    coalitions: Coalitions, error: float, most_runs: int, random: np.random.Generator
) -> Sampled:
    whole, empty = coalitions.values([coalitions.whole, frozenset()])
    most = max(2, most_runs // 2 - 1)  # a pair is the whole text and the empty one
    found = Estimate(draw(coalitions, random, min(FIRST, most)), whole - empty)
    while more := _wanted(found, error, most):
        found.add(draw(coalitions, random, more))
    reached = bool(found.count >= FIRST and found.errors.max() <= error)
    return Sampled(found.values.tolist(), found.errors.tolist(), reached=reached)


def _wanted(found: Estimate, error: float, most: int) -> int:
    """How many more pairs are needed by what the error is now, at most as many as there are."""
    excess = (float(found.errors.max()) / error) ** 2 - 1 if error else 1.0
    if excess <= 0:
        return 0
    return min(most - found.count, max(FEWEST, ceil(found.count * min(excess, 1))))
