"""Vectors as vector stores keep them."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.errors import ConfigError

Precision = Literal["float32", "int8", "binary"]

Encode = Callable[[NDArray[np.float32]], NDArray[Any]]

LARGEST: Final = 127


def int8_codes(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Each vector stretched until its largest number is 127, and rounded; cosines stay.

    Shapes:
        vectors: (texts, dimensions), and so the result
    """
    reach = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    scale = LARGEST / np.where(reach == 0, 1, reach)
    return np.rint(vectors * scale).astype(np.int8)


def binary_codes(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One bit a dimension, 1 where it is above 0, the first in the highest bit of a byte.

    Shapes:
        vectors: (texts, dimensions) to (texts, dimensions / 8, rounded up)
    """
    return np.packbits(vectors > 0, axis=1)


def _as_they_are(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors


PRECISIONS: Final[Mapping[str, Encode]] = {
    "float32": _as_they_are,
    "int8": int8_codes,
    "binary": binary_codes,
}


def find_precision(name: str) -> Encode:
    """What turns float32 vectors into codes.

    Raises:
        ConfigError: unknown.
    """
    if name not in PRECISIONS:
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}; got {name!r}")
    return PRECISIONS[name]
