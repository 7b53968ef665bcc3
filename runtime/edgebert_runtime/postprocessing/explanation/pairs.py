"""Random sets of words, each with its complement, and what they say of Shapley values."""

from typing import NamedTuple

import numpy as np

from edgebert_runtime.postprocessing.explanation.coalitions import Coalitions
from edgebert_runtime.postprocessing.explanation.surrogate import Floats


class Pairs(NamedTuple):
    """Sets that were run, with their complements.

    Attributes:
        signs: (pairs, words), 1 where the set keeps a word, -1 where its complement does.
        halves: (pairs,), half of what the set is worth more than its complement.
    """

    signs: Floats
    halves: Floats

    def plus(self, other: "Pairs") -> "Pairs":
        """These, then others."""
        return Pairs(*map(np.concatenate, zip(self, other, strict=True)))


def draw(coalitions: Coalitions, random: np.random.Generator, count: int) -> Pairs:
    """Draw sets and run them: the size by `_size_shares`, then any set of that size alike.

    Args:
        coalitions: of the text.
        random: where they come from.
        count: of pairs.
    """
    words = len(coalitions.free)
    sizes = random.choice(np.arange(1, words), count, p=_size_shares(words))
    kept = random.random((count, words)).argsort(axis=1) < sizes[:, None]
    names = np.array(coalitions.free)
    sets = [frozenset(names[row].tolist()) for row in kept]
    values = coalitions.values([*sets, *(coalitions.whole - each for each in sets)])
    halves = (np.array(values[:count]) - np.array(values[count:])) / 2
    return Pairs(np.where(kept, 1.0, -1.0), halves)


def contributions(signs: Floats, halves: Floats) -> Floats:
    """For each pair and word, a number whose mean is the word's Shapley value.

    It has no bias for a game whose whole text is worth as much as its empty one; else the
    difference is missing, shared out evenly. The numbers of a pair sum to 0.

    Args:
        signs: as in `Pairs`.
        halves: likewise.
    """
    words = signs.shape[1]
    sizes = (signs > 0).sum(axis=1)
    shares = _size_shares(words)[sizes - 1]
    of_kept, of_others = halves / (sizes * shares), -halves / ((words - sizes) * shares)
    return np.asarray(np.where(signs > 0, of_kept[:, None], of_others[:, None]), np.float64)


def _size_shares(words: int) -> Floats:
    """How often each size from 1 to one less than all is drawn.

    These shares give the smallest variance where what is sampled has the same variance at all
    sizes.
    """
    sizes = np.arange(1, words)
    shares = 1 / np.sqrt(sizes * (words - sizes))
    return np.asarray(shares / shares.sum(), np.float64)
