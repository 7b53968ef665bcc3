"""Weights in int8, one scale for each output channel."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LARGEST: Final = 127
"""int8 without -128, so that the range is symmetric."""


@dataclass(frozen=True, kw_only=True)
class QuantizedWeight:
    """A weight matrix as integers.

    Attributes:
        values: (inputs, outputs), int8 in -127…127
        scales: (outputs,), float32; values x scales approximates the weight
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


def quantize_columns(weight: NDArray[np.float32], largest: int = LARGEST) -> QuantizedWeight:
    """Round each element to the nearest multiple of its column's scale, half to even.

    Symmetric (Jacob et al. 2018, section 2, with zero point 0).

    Shapes:
        weight: (inputs, outputs)
    """
    scales = column_scales(weight, largest)
    values = np.clip(np.rint(weight / scales), -largest, largest).astype(np.int8)
    return QuantizedWeight(values=values, scales=scales)


def column_scales(weight: NDArray[np.float32], largest: int = LARGEST) -> NDArray[np.float32]:
    """Each column's largest magnitude over the largest integer; 1 for a column of zeros.

    Shapes: (inputs, outputs) to (outputs,)
    """
    reach = np.abs(weight).max(axis=0)
    return np.where(reach > 0, reach / largest, 1).astype(np.float32)
