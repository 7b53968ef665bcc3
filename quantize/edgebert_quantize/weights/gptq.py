"""GPTQ (Frantar et al. 2023, algorithm 1): round weights, and compensate each error.

Rows of W are rounded one by one. The rows that are not rounded yet are updated so that x W changes
least on calibration data, of which only the second moment is needed.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_quantize.weights.grids import Grid, QuantizedWeight

DAMPING: Final = 0.01
"""Share of the mean second moment that is added to the diagonal (section 3.3, step 3)."""

BLOCK: Final = 128
"""Rows between updates of all remaining rows (section 3.3, step 2)."""


def round_gptq(
    weight: NDArray[np.float32],
    moment: NDArray[np.float32],
    grid: Grid,
    exact: int = 0,
    *,
    width: int = BLOCK,
) -> tuple[QuantizedWeight, NDArray[np.float32]]:
    """Round a matrix so that x W changes little on calibration data.

    Inputs with the largest moments are rounded first, while many rows can still compensate.

    Args:
        weight: (inputs, outputs)
        moment: (inputs, inputs), mean of x xᵀ
        grid: of the rounded weights
        exact: inputs at the end that stay float32 and compensate for the others
        width: rows between updates of all remaining rows; speed alone depends on it

    Returns:
        integers, zero for the exact inputs; and the weights of those, (exact, outputs), float32
    """
    rounded = len(weight) - exact
    order = np.argsort(-np.diag(moment)[:rounded], kind="stable")
    order = np.concatenate([order, np.arange(rounded, len(weight))])
    factor = _inverse_factor(moment[np.ix_(order, order)])
    rest = weight[order].astype(np.float64)
    values = np.zeros(weight.shape, np.int8)
    for start in range(0, rounded, width):
        block = slice(start, min(start + width, rounded))
        tail = slice(block.stop, None)
        values[order[block]], errors = _round_block(
            rest[block], factor[block, block], grid, order[block]
        )
        rest[tail] -= factor[block, tail].T @ errors
    return QuantizedWeight(values=values, grid=grid), rest[rounded:].astype(np.float32)


def _round_block(
    rows: NDArray[np.float64],
    factor: NDArray[np.float64],
    grid: Grid,
    inputs: NDArray[np.intp],
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Round a block row by row; returns the integers and each row's error over its pivot."""
    values = np.empty(rows.shape, np.int8)
    errors = np.empty_like(rows)
    for row, at in enumerate(inputs):
        scales, zero_points = grid.of_input(at)
        rounded = grid.round_row(rows[row], at)
        values[row] = rounded
        errors[row] = (rows[row] - (rounded - zero_points) * scales) / factor[row, row]
        rows[row + 1 :] -= np.outer(factor[row, row + 1 :], errors[row])
    return values, errors


def _inverse_factor(moment: NDArray[np.float32]) -> NDArray[np.float64]:
    """Upper triangular U with UᵀU = (moment + damping)⁻¹. Shapes: (inputs, inputs) both."""
    damped = moment.astype(np.float64)
    silent = np.diag(damped) == 0
    damped[silent, silent] = 1  # a channel that is always zero compensates nothing
    damped[np.diag_indices_from(damped)] += DAMPING * np.diag(damped).mean()
    upper: NDArray[np.float64] = np.linalg.cholesky(np.linalg.inv(damped)).T
    return upper
