"""Quantization grids, and rounding of weights to the nearest grid point."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

LARGEST: Final = 127
"""int8 without -128, so that the range is symmetric. An arm64 without instructions for
dot products adds two products in 16 bits, where twice -128 · -128 would overflow."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The quantized values of a matrix: (q - zero point) x scale, lowest ≤ q ≤ highest.

    Attributes:
        scales: (blocks, outputs), float32
        zero_points: (blocks, outputs), float32, whole numbers
        block: consecutive inputs that share a scale
        lowest, highest: integers
    """

    scales: NDArray[np.float32]
    zero_points: NDArray[np.float32]
    block: int
    lowest: int
    highest: int

    def round_row(self, row: NDArray[np.floating], at: int) -> NDArray[np.floating]:
        """The nearest integers, ties to even, for the weights of input `at`. Shape: (outputs,)."""
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
        grid: of their scales and zero points
    """

    values: NDArray[np.int8]
    grid: Grid

    @property
    def scales(self) -> NDArray[np.float32]:
        """Scales of a matrix with one block, (outputs,), float32."""
        scales: NDArray[np.float32] = self.grid.scales[0]
        return scales

    @cached_property
    def dequantized(self) -> NDArray[np.float32]:
        """Dequantized weights, (inputs, outputs), float32."""
        blocks = np.arange(len(self.values)) // self.grid.block
        scales, zero_points = self.grid.scales[blocks], self.grid.zero_points[blocks]
        weights: NDArray[np.float32] = (self.values - zero_points) * scales
        return weights

    def of_columns(self, columns: slice) -> "QuantizedWeight":
        """The part of some outputs."""
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
    """Round each element to the nearest grid point. Shape: (inputs, outputs)."""
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
    magnitude = np.abs(weight).max(axis=0)
    return np.where(magnitude > 0, magnitude / largest, 1).astype(np.float32)


def block_grid(weight: NDArray[np.float32], bits: int, block: int) -> Grid:
    """Asymmetric, from the lowest to the highest value of each block of a column; zero is exact.

    Shapes:
        weight: (inputs, outputs); the last block may be short
    """
    highest = 2**bits - 1
    starts = np.arange(0, len(weight), block)
    low = np.minimum(np.minimum.reduceat(weight, starts), 0)
    high = np.maximum(np.maximum.reduceat(weight, starts), 0)
    steps = (high - low) / highest
    scales = np.where(steps > 0, steps, 1).astype(np.float32)
    zero_points = np.rint(-low / scales).astype(np.float32)
    return Grid(scales=scales, zero_points=zero_points, block=block, lowest=0, highest=highest)
