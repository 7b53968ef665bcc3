"""All numbers of a quantized linear layer, before any graph has them."""

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
from edgebert_quantize.weights.gptq import round_compensated
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
"""Of smoothing where each token has a range of its own: weights need not give way as far."""


@dataclass(frozen=True, kw_only=True)
class LayerStats:
    """What is known of linear layers that read the same, side by side, before they are rounded.

    Attributes:
        name: its number in graph order.
        columns: their weights, (inputs, outputs), float32
        bias: (outputs,), float32
        seen_at: by name of an activation it is used on; none if nothing was watched
        outliers: what of these may go around the integers
        smoothed: whether their outliers have been moved into the weights already
    """

    name: str
    columns: NDArray[np.float32]
    bias: NDArray[np.float32]
    seen_at: Mapping[str, ActivationStatistics] = field(default_factory=dict)
    outliers: Outliers | None = None
    smoothed: bool = False

    @cached_property
    def seen(self) -> ActivationStatistics | None:
        """Of all activations it is used on, for they meet one weight."""
        return ActivationStatistics.together(list(self.seen_at.values())) if self.seen_at else None

    @staticmethod
    def of(
        name: str,
        linears: Sequence[Linear],
        seen_at: Mapping[str, ActivationStatistics],
        outliers: Outliers | None = None,
        *,
        smoothed: bool = False,
    ) -> "LayerStats":
        """Of layers as a graph has them."""
        return LayerStats(
            name=name,
            columns=side_by_side(linears),
            bias=np.concatenate([_bias(linear) for linear in linears]),
            seen_at=seen_at,
            outliers=outliers,
            smoothed=smoothed,
        )

    def divisors(
        self, recipe: LinearRecipe, scheme: Scheme, largest: int = LARGEST
    ) -> NDArray[np.float32] | None:
        """What smoothing divides its activations by, (inputs,); None where it leaves them alone."""
        strengths = TOKEN_STRENGTHS if scheme == "token" else recipe.strengths
        around = self.outliers is not None and scheme != "token"
        if self.seen is None or not recipe.strengths or self.smoothed or around:
            return None
        return best_scales(self.seen, self.columns, strengths, largest)


@dataclass(frozen=True, kw_only=True)
class RoundedLayer:
    """Linear layers that read the same, side by side: one matrix, however often it is used.

    Attributes:
        name: its number in graph order.
        scheme: what becomes of it.
        weight: (inputs, outputs); zero where an input goes around the integers
        bias: (outputs,), float32
        ranges: what integers span, by name of an activation, where that is known before
        divisors: what its activations are divided by first, (inputs,), float32
        outlier_rows: weights of the last inputs, which go around, (outliers, outputs), float32
    """

    name: str
    scheme: Scheme
    weight: QuantizedWeight
    bias: NDArray[np.float32]
    ranges: Mapping[str, Range]
    divisors: NDArray[np.float32] | None
    outlier_rows: NDArray[np.float32]

    def parts(self, widths: Sequence[int]) -> list["RoundedLayer"]:
        """Each of the layers side by side by itself, named by its number; one alone as it is.

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
    known: Mapping[str, Range] | None = None,
    largest: int = LARGEST,
) -> RoundedLayer:
    """Round a layer for a scheme.

    Args:
        layer: as the graph has it.
        recipe: how.
        scheme: one of the recipe's.
        known: what integers of its activations span, by their names; without one all that was seen.
        largest: integer among 8-bit weights.
    """
    divisors = layer.divisors(recipe, scheme, largest)
    columns, seen = layer.columns, layer.seen
    if divisors is not None and seen is not None:
        columns, seen = columns * divisors[:, np.newaxis], seen.divided(divisors)
    around = None if scheme == "token" else layer.outliers
    weight, rows = _round(columns, seen, recipe, largest, around.count if around else 0)
    bias = layer.bias
    if recipe.correct_bias and seen is not None:
        restored = weight.restored.copy()
        restored[len(restored) - len(rows) :] = rows
        bias = corrected_bias(bias, columns, restored, seen.mean)
    return RoundedLayer(
        name=layer.name,
        scheme=scheme,
        weight=weight,
        bias=bias,
        ranges=_whole_ranges(layer, divisors, around) | dict(known or {}),
        divisors=divisors,
        outlier_rows=rows,
    )


def corrected_bias(
    bias: NDArray[np.float32],
    exact: NDArray[np.float32],
    restored: NDArray[np.float32],
    mean: NDArray[np.float32],
) -> NDArray[np.float32]:
    """A bias that takes up what rounding weights shifts outputs by on average.

    Nagel et al. 2019, "Data-Free Quantization", section 4.2, with the calibrated mean.

    Shapes:
        bias: (outputs,)
        exact, restored: (inputs, outputs)
        mean: (inputs,)
    """
    corrected: NDArray[np.float32] = bias + mean @ (exact - restored)
    return corrected


def _round(
    columns: NDArray[np.float32],
    seen: ActivationStatistics | None,
    recipe: LinearRecipe,
    largest: int,
    exact: int,
) -> tuple[QuantizedWeight, NDArray[np.float32]]:
    """Integers of all inputs, zero for the last `exact`, and the weights of those in float32."""
    rounded = len(columns) - exact
    within = np.where(np.arange(len(columns))[:, np.newaxis] < rounded, columns, np.float32(0))
    grid = _grid(within, recipe, largest)
    if not recipe.compensate or seen is None:
        return round_to_nearest(within, grid), columns[rounded:]
    return round_compensated(columns, seen.moment, grid, exact)


def _whole_ranges(
    layer: LayerStats, divisors: NDArray[np.float32] | None, outliers: Outliers | None
) -> dict[str, Range]:
    """All that was seen of each activation, divided and without what goes around."""
    limit = np.inf if outliers is None else outliers.limit
    seen_at = layer.seen_at
    if divisors is not None:
        seen_at = {name: seen.divided(divisors) for name, seen in seen_at.items()}
    return {name: seen.up_to(limit).range for name, seen in seen_at.items()}


def _grid(columns: NDArray[np.float32], recipe: LinearRecipe, largest: int) -> Grid:
    if recipe.block is None:
        return column_grid(columns, largest)
    return block_grid(columns, recipe.bits, recipe.block)


def _bias(linear: Linear) -> NDArray[np.float32]:
    return np.zeros(linear.weight.shape[1], np.float32) if linear.bias is None else linear.bias
