"""Vectors in answers: arrays of numbers, or base64 of their bytes."""

from base64 import b64encode
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LITTLE_ENDIAN: Final = np.dtype("<f4")
"""What clients take the bytes for."""

FORMATS: Final = ("float", "base64")


def encoded(vector: NDArray[np.float32], encoding_format: str | None) -> Any:
    """A vector as an array, which is written as numbers, or as text of base64.

    Args:
        vector: (dimensions,), float32.
        encoding_format: one of `FORMATS`; None is `float`.
    """
    if encoding_format != "base64":
        return vector
    return b64encode(vector.astype(LITTLE_ENDIAN, copy=False).tobytes()).decode("ascii")
