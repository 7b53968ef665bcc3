"""Shapley values from pairs of sets: exactly those of a model, and by sampling what it misses."""

from typing import Final, NamedTuple

import numpy as np

from edgebert_runtime.postprocessing.explanation.pairs import Pairs, contributions
from edgebert_runtime.postprocessing.explanation.surrogate import Floats, Surrogate, fit

FITTED: Final = 1024
"""Pairs that the model is fitted to at most; its time grows with the cube."""


class Sums(NamedTuple):
    """What contributions of pairs come to.

    Attributes:
        pairs: how many.
        total: sum of their contributions, for each word.
        squares: sum of the squared distances from their mean, likewise.
    """

    pairs: int
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, signs: Floats, missed: Floats) -> "Sums":
        """Of pairs; `missed` is what the model misses of their half differences."""
        found = contributions(signs, missed)
        return cls(len(found), found.sum(axis=0), len(found) * found.var(axis=0))

    def plus(self, other: "Sums") -> "Sums":
        """Of both."""
        return Sums(
            self.pairs + other.pairs, self.total + other.total, self.squares + other.squares
        )


class Estimate:
    """Shapley values, better with each pair that is added.

    Each pair is predicted by a model that was not fitted to it, so what the model misses is
    sampled without bias, and its spread is that of new pairs.
    """

    def __init__(self, pairs: Pairs, difference: float) -> None:
        """Begin.

        Args:
            pairs: the first, two at least.
            difference: what the whole text is worth more than the empty one.
        """
        self._difference = difference
        nothing = np.zeros(pairs.signs.shape[1])
        self._later = Sums(0, nothing, nothing)
        self._fit(pairs)

    @property
    def count(self) -> int:
        """How many pairs were added."""
        return self._fitted.pairs + self._later.pairs

    @property
    def values(self) -> Floats:
        """Of each word; they sum to the difference."""
        earlier, later = self._model.shapley_left_out, self._model.shapley
        of_model = (self._fitted.pairs * earlier + self._later.pairs * later) / self.count
        values = of_model + (self._fitted.total + self._later.total) / self.count
        return np.asarray(values + (self._difference - values.sum()) / len(values), np.float64)

    @property
    def errors(self) -> Floats:
        """Standard error of each value."""
        squares = self._fitted.squares + self._later.squares
        return np.asarray(np.sqrt(squares / (self.count - 1) / self.count), np.float64)

    def add(self, pairs: Pairs) -> None:
        """Take more pairs: into the model while they are few, else against it."""
        if self.count + len(pairs.halves) <= FITTED:
            self._fit(self._pairs.plus(pairs))
            return
        missed = pairs.halves - self._model.predict(pairs.signs)
        self._later = self._later.plus(Sums.of(pairs.signs, missed))

    def _fit(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._model: Surrogate = fit(pairs.signs, pairs.halves)
        self._fitted = Sums.of(pairs.signs, self._model.left_out)
