"""The number format of vectors, as vector stores keep them."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.errors import ConfigError

OutputDtype = Literal["float32", "int8", "binary"]
"""`int8` is compared by cosine; `binary`, one bit a dimension, by Hamming distance."""


Encode = Callable[[NDArray[np.float32]], NDArray[Any]]

LARGEST: Final = 127


def to_int8(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Each vector stretched until its largest number is 127, and rounded; cosines stay.

    Shapes:
        vectors: (texts, dimensions), and so the result
    """
    reach = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    scale = LARGEST / np.where(reach == 0, 1, reach)
    return np.rint(vectors * scale).astype(np.int8)


def to_binary(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One bit a dimension, 1 where it is above 0, the first in the highest bit of a byte.

    Shapes:
        vectors: (texts, dimensions) to (texts, dimensions / 8, rounded up)
    """
    return np.packbits(vectors > 0, axis=1)


def _unchanged(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors


OUTPUT_DTYPES: Final[Mapping[str, Encode]] = {
    "float32": _unchanged,
    "int8": to_int8,
    "binary": to_binary,
}


def find_output_dtype(name: str) -> Encode:
    """What turns float32 vectors into codes.

    Raises:
        ConfigError: unknown.
    """
    if name not in OUTPUT_DTYPES:
        raise ConfigError(f"output_dtype must be one of {', '.join(OUTPUT_DTYPES)}; got {name!r}")
    return OUTPUT_DTYPES[name]
