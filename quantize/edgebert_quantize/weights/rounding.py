"""Compute the integers, scales and bias of a quantized linear layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_quantize.calibration.ranges import Range
from edgebert_quantize.calibration.statistics import ActivationStatistics
from edgebert_quantize.graph.linear_layers import Linear, side_by_side
from edgebert_quantize.recipes import LinearRecipe, Scheme
from edgebert_quantize.weights.gptq import round_gptq
from edgebert_quantize.weights.grids import (
    LARGEST,
    Grid,
    QuantizedWeight,
    block_grid,
    column_grid,
    round_to_nearest,
)
from edgebert_quantize.weights.outlier_channels import Outliers
from edgebert_quantize.weights.smoothquant import best_scales

TOKEN_STRENGTHS: Final = (0.5,)
"""Migration strengths for `per_token_dynamic`: with a range per token less must be migrated."""


@dataclass(frozen=True, kw_only=True)
class LayerStats:
    """Linear layers that read the same input, concatenated, with statistics of the input.

    Attributes:
        name: prefix of constants, its number in graph order.
        columns: weights, (inputs, outputs), float32
        bias: (outputs,), float32
        activations: name of each activation the layers are used on → its statistics; empty
            without calibration
        outliers: channels of these that may be multiplied in float32
        smoothed: whether the graph is smoothed already
    """

    name: str
    columns: NDArray[np.float32]
    bias: NDArray[np.float32]
    activations: Mapping[str, ActivationStatistics] = field(default_factory=dict)
    outliers: Outliers | None = None
    smoothed: bool = False

    @cached_property
    def seen(self) -> ActivationStatistics | None:
        """Merged statistics of all activations; None without calibration."""
        return (
            ActivationStatistics.merged(list(self.activations.values()))
            if self.activations
            else None
        )

    @staticmethod
    def of(
        name: str,
        linears: Sequence[Linear],
        activations: Mapping[str, ActivationStatistics],
        outliers: Outliers | None = None,
        *,
        smoothed: bool = False,
    ) -> "LayerStats":
        """Statistics of a graph's layers."""
        return LayerStats(
            name=name,
            columns=side_by_side(linears),
            bias=np.concatenate([_bias(linear) for linear in linears]),
            activations=activations,
            outliers=outliers,
            smoothed=smoothed,
        )

    def divisors(
        self, recipe: LinearRecipe, scheme: Scheme, largest: int = LARGEST
    ) -> NDArray[np.float32] | None:
        """Smoothing scales of the activations, (inputs,); None without smoothing."""
        strengths = TOKEN_STRENGTHS if scheme == "per_token_dynamic" else recipe.strengths
        has_outliers = self.outliers is not None and scheme != "per_token_dynamic"
        if self.seen is None or not recipe.strengths or self.smoothed or has_outliers:
            return None
        return best_scales(self.seen, self.columns, strengths, largest)


@dataclass(frozen=True, kw_only=True)
class RoundedLayer:
    """Linear layers that read the same input, concatenated and quantized.

    Attributes:
        name: prefix of constants, its number in graph order.
        scheme: of quantization.
        weight: (inputs, outputs); zero for outlier channels
        bias: (outputs,), float32
        ranges: name of an activation → its static range
        divisors: smoothing scales that activations are divided by, (inputs,), float32; or None
        outlier_rows: float32 weights of the outliers, the last inputs, (outliers, outputs)
    """

    name: str
    scheme: Scheme
    weight: QuantizedWeight
    bias: NDArray[np.float32]
    ranges: Mapping[str, Range]
    divisors: NDArray[np.float32] | None
    outlier_rows: NDArray[np.float32]

    def parts(self, widths: Sequence[int]) -> list["RoundedLayer"]:
        """Split into the single layers, named by their number; a single layer is returned as it is.

        Args:
            widths: outputs of each, in order.
        """
        if len(widths) == 1:
            return [self]
        starts = [sum(widths[:number]) for number in range(len(widths))]
        columns = [slice(start, start + width) for start, width in zip(starts, widths, strict=True)]
        return [self._part(number, which) for number, which in enumerate(columns)]

    def _part(self, number: int, columns: slice) -> "RoundedLayer":
        return replace(
            self,
            name=f"{self.name}.{number}",
            weight=self.weight.of_columns(columns),
            bias=self.bias[columns],
            outlier_rows=self.outlier_rows[:, columns],
        )


def round_layer(
    layer: LayerStats,
    recipe: LinearRecipe,
    scheme: Scheme,
    chosen: Mapping[str, Range] | None = None,
    largest: int = LARGEST,
) -> RoundedLayer:
    """Round a layer for a scheme.

    Args:
        layer: unrounded.
        recipe: of linear layers.
        scheme: one of the recipe's.
        chosen: name of an activation → its static range; others have their full range.
        largest: 8-bit weight.
    """
    divisors = layer.divisors(recipe, scheme, largest)
    columns, seen = layer.columns, layer.seen
    if divisors is not None and seen is not None:
        columns, seen = columns * divisors[:, np.newaxis], seen.divided(divisors)
    outliers = None if scheme == "per_token_dynamic" else layer.outliers
    weight, rows = _round(columns, seen, recipe, largest, outliers.count if outliers else 0)
    bias = layer.bias
    if recipe.correct_bias and seen is not None:
        quantized = weight.dequantized.copy()
        quantized[len(quantized) - len(rows) :] = rows
        bias = corrected_bias(bias, columns, quantized, seen.mean)
    return RoundedLayer(
        name=layer.name,
        scheme=scheme,
        weight=weight,
        bias=bias,
        ranges=_full_ranges(layer, divisors, outliers) | dict(chosen or {}),
        divisors=divisors,
        outlier_rows=rows,
    )


def corrected_bias(
    bias: NDArray[np.float32],
    exact: NDArray[np.float32],
    quantized: NDArray[np.float32],
    mean: NDArray[np.float32],
) -> NDArray[np.float32]:
    """A bias that corrects the mean error of rounded weights.

    Nagel et al. 2019, "Data-Free Quantization", section 4.2, with the calibrated mean.

    Shapes:
        bias: (outputs,)
        exact, quantized: (inputs, outputs)
        mean: (inputs,)
    """
    corrected: NDArray[np.float32] = bias + mean @ (exact - quantized)
    return corrected


def _round(
    columns: NDArray[np.float32],
    seen: ActivationStatistics | None,
    recipe: LinearRecipe,
    largest: int,
    exact: int,
) -> tuple[QuantizedWeight, NDArray[np.float32]]:
    """Rounded weights, zero for the last `exact` inputs, and the float32 weights of those."""
    rounded = len(columns) - exact
    within = np.where(np.arange(len(columns))[:, np.newaxis] < rounded, columns, np.float32(0))
    grid = _grid(within, recipe, largest)
    if not recipe.gptq or seen is None:
        return round_to_nearest(within, grid), columns[rounded:]
    return round_gptq(columns, seen.moment, grid, exact)


def _full_ranges(
    layer: LayerStats, divisors: NDArray[np.float32] | None, outliers: Outliers | None
) -> dict[str, Range]:
    """The full range of each activation, after smoothing and without outliers."""
    limit = np.inf if outliers is None else outliers.limit
    activations = layer.activations
    if divisors is not None:
        activations = {name: seen.divided(divisors) for name, seen in activations.items()}
    return {name: seen.up_to(limit).range for name, seen in activations.items()}


def _grid(columns: NDArray[np.float32], recipe: LinearRecipe, largest: int) -> Grid:
    if recipe.block is None:
        return column_grid(columns, largest)
    return block_grid(columns, recipe.bits, recipe.block)


def _bias(linear: Linear) -> NDArray[np.float32]:
    return np.zeros(linear.weight.shape[1], np.float32) if linear.bias is None else linear.bias
