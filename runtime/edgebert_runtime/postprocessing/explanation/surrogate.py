"""A model of a game, fitted to pairs of sets; its own Shapley values are known exactly.

Kernel ridge regression over words as signs, 1 for a word that is kept and -1 for one that is not.
The kernel of two rows of signs is the mean product of their signs, plus the hyperbolic sine of
`SHARPNESS` times that, over the sine of `SHARPNESS`. It has interactions of all odd orders, and no
even ones: those cancel within a pair.

The sine is a difference of products over the words. The Shapley values of such a product are an
integral over its multilinear extension (Owen 1972, "Multilinear Extensions of Games"). Here the
integrand is a polynomial, which Gauss-Legendre quadrature integrates exactly.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SHARPNESS: Final = 2.0
"""How much interactions of many words count; decision 0046 has what others give."""

RIDGE: Final = 0.03
"""Added to the kernel's diagonal, which is 2; likewise."""


class Surrogate(NamedTuple):
    """A fitted model.

    Attributes:
        signs: what it was fitted to.
        weights: of the kernel at each of them.
        shapley: its Shapley value of each word.
        left_out: for each row, how far the model that is fitted without it is off there.
        shapley_left_out: mean of the Shapley values of those models.
    """

    signs: Floats
    weights: Floats
    shapley: Floats
    left_out: Floats
    shapley_left_out: Floats

    def predict(self, signs: Floats) -> Floats:
        """Half differences of pairs; shapes: (pairs, words) → (pairs,)."""
        return _floats(_kernel(signs, self.signs) @ self.weights)


def fit(signs: Floats, halves: Floats) -> Surrogate:
    """The model of some pairs.

    A model without one of its rows takes no fit of its own: its weights follow from the inverse of
    the kernel (Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", section
    5.4.2).

    Args:
        signs: (pairs, words), 1 or -1.
        halves: (pairs,), half of what the set is worth more than its complement.
    """
    inverse = np.linalg.inv(_kernel(signs, signs) + RIDGE * np.eye(len(signs)))
    weights = inverse @ halves
    left_out = weights / np.diag(inverse)
    of_each = _shapley_of_each(signs)
    return Surrogate(
        signs=signs,
        weights=weights,
        shapley=weights @ of_each,
        left_out=left_out,
        shapley_left_out=(weights - inverse @ left_out / len(signs)) @ of_each,
    )


def _kernel(some: Floats, others: Floats) -> Floats:
    mean = some @ others.T / some.shape[1]
    return _floats(mean + np.sinh(SHARPNESS * mean) / np.sinh(SHARPNESS))


def _shapley_of_each(signs: Floats) -> Floats:
    """Shapley values of the kernel as a game, its second argument fixed; (pairs, words)."""
    words = signs.shape[1]
    nodes, weights = np.polynomial.legendre.leggauss(words // 2 + 1)
    step = SHARPNESS / words
    up = np.cosh(step) + nodes * np.sinh(step)
    down = np.cosh(step) - nodes * np.sinh(step)
    kept = (signs > 0).sum(axis=1, keepdims=True)
    of_kept = (weights * up ** (kept - 1) * down ** (words - kept)).sum(axis=1, keepdims=True)
    of_others = (weights * up**kept * down ** (words - kept - 1)).sum(axis=1, keepdims=True)
    scale = np.sinh(step) / np.sinh(SHARPNESS)
    return _floats(signs * (2 / words + scale * np.where(signs > 0, of_kept, of_others)))


def _floats(values: Any) -> Floats:
    return np.asarray(values, np.float64)
