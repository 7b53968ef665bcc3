"""Attention weights in a page: a byte each, as base64."""

from base64 import b64encode
from typing import Final

import numpy as np

from edgebert.reporting.explanation.record import Weights

STEPS: Final = 255
"""A byte holds the square root of a weight in so many steps: small weights keep more digits."""

WORST: Final = 1 / STEPS
"""How far a weight is off at most: the slope of a square at 1, times half a step."""

MOST_BYTES: Final = 48 * 2**20
"""Weights of a page; browsers are slow with more."""


def packed(weights: Weights) -> str:
    """Weights in row-major order; the script of the page takes each byte's square."""
    roots = np.sqrt(np.clip(weights, 0, 1))
    return b64encode(np.rint(roots * STEPS).astype(np.uint8).tobytes()).decode()
