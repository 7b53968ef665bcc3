"""Weights as integers: where they may be, and each rounded to the nearest."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

LARGEST: Final = 127
"""int8 without -128, so that the range is symmetric."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The values a matrix may have: (q - zero point) x scale, q an integer from lowest to highest.

    Attributes:
        scales: (blocks, outputs), float32
        zero_points: (blocks, outputs), float32, whole numbers
        block: how many inputs, one after the other, have a scale together
        lowest, highest: integers
    """

    scales: NDArray[np.float32]
    zero_points: NDArray[np.float32]
    block: int
    lowest: int
    highest: int

    def round_row(self, row: NDArray[np.floating], at: int) -> NDArray[np.floating]:
        """The nearest integers, half to even, of the weights of input `at`. Shape: (outputs,)."""
        scales, zero_points = self.of_input(at)
        integers: NDArray[np.floating] = np.clip(
            np.rint(row / scales) + zero_points, self.lowest, self.highest
        )
        return integers

    def of_input(self, at: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scales and zero points of one input. Shapes: (outputs,) both."""
        return self.scales[at // self.block], self.zero_points[at // self.block]


@dataclass(frozen=True, kw_only=True)
class QuantizedWeight:
    """A weight matrix as integers.

    Attributes:
        values: (inputs, outputs), int8
        grid: what they stand for
    """

    values: NDArray[np.int8]
    grid: Grid

    @property
    def scales(self) -> NDArray[np.float32]:
        """Of columns that are one block, (outputs,), float32."""
        scales: NDArray[np.float32] = self.grid.scales[0]
        return scales

    @cached_property
    def restored(self) -> NDArray[np.float32]:
        """The weights these integers stand for, (inputs, outputs), float32."""
        of = np.arange(len(self.values)) // self.grid.block
        weights: NDArray[np.float32] = (self.values - self.grid.zero_points[of]) * self.grid.scales[
            of
        ]
        return weights

    def of_columns(self, columns: slice) -> "QuantizedWeight":
        """Some of the outputs."""
        scales, zero_points = self.grid.scales[:, columns], self.grid.zero_points[:, columns]
        grid = replace(self.grid, scales=scales, zero_points=zero_points)
        return QuantizedWeight(values=np.ascontiguousarray(self.values[:, columns]), grid=grid)


def quantize_columns(weight: NDArray[np.float32], largest: int = LARGEST) -> QuantizedWeight:
    """Round each element to the nearest multiple of its column's scale.

    Shapes:
        weight: (inputs, outputs)
    """
    return round_to_nearest(weight, column_grid(weight, largest))


def round_to_nearest(weight: NDArray[np.float32], grid: Grid) -> QuantizedWeight:
    """Round each element by itself. Shape: (inputs, outputs)."""
    values = np.empty(weight.shape, np.int8)
    for start in range(0, len(weight), grid.block):
        rows = slice(start, start + grid.block)
        values[rows] = grid.round_row(weight[rows], start)
    return QuantizedWeight(values=values, grid=grid)


def column_grid(weight: NDArray[np.float32], largest: int = LARGEST) -> Grid:
    """Symmetric, one scale for each column (Jacob et al. 2018, section 2, with zero point 0).

    Shapes:
        weight: (inputs, outputs)
    """
    scales = column_scales(weight, largest)[np.newaxis]
    return Grid(
        scales=scales,
        zero_points=np.zeros_like(scales),
        block=len(weight),
        lowest=-largest,
        highest=largest,
    )


def column_scales(weight: NDArray[np.float32], largest: int = LARGEST) -> NDArray[np.float32]:
    """Each column's largest magnitude over the largest integer; 1 for a column of zeros.

    Shapes: (inputs, outputs) to (outputs,)
    """
    reach = np.abs(weight).max(axis=0)
    return np.where(reach > 0, reach / largest, 1).astype(np.float32)


def block_grid(weight: NDArray[np.float32], bits: int, block: int) -> Grid:
    """Asymmetric, from the lowest to the highest of each block of each column, zero being exact.

    Shapes:
        weight: (inputs, outputs); the last block may be short
    """
    highest = 2**bits - 1
    starts = np.arange(0, len(weight), block)
    low = np.minimum(np.minimum.reduceat(weight, starts), 0)
    high = np.maximum(np.maximum.reduceat(weight, starts), 0)
    reach = (high - low) / highest
    scales = np.where(reach > 0, reach, 1).astype(np.float32)
    zero_points = np.rint(-low / scales).astype(np.float32)
    return Grid(scales=scales, zero_points=zero_points, block=block, lowest=0, highest=highest)
