"""A calibrated graph, and its layers rounded by any scheme."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx_ir as ir

from edgebert_quantize.calibration.ranges import RANGE_METHODS, Histogram, Range
from edgebert_quantize.calibration.statistics import (
    ActivationStatistics,
    activation_statistics,
    observe,
)
from edgebert_quantize.graph.gated_products import separate_gates
from edgebert_quantize.graph.linear_layers import LinearGroup, linears_by_input, shared_linears
from edgebert_quantize.recipes import FLOAT, LinearRecipe, Scheme
from edgebert_quantize.weights.outlier_channels import Outliers, move_outliers_last
from edgebert_quantize.weights.rounding import LayerStats, RoundedLayer, round_layer
from edgebert_quantize.weights.smoothquant import smooth_attention_outputs
from edgebert_runtime.inference.arrays import Feeds


class Prepared:
    """A calibrated fp32 graph with outlier channels moved last and attention outputs smoothed.

    Args:
        graph: the file; it must exist while this object is used.
        recipe: how layers are rounded; None leaves them as they are.
        layers: statistics, in the order of `shared_linears`.
        ranges: activation → its static range, where a method other than `minmax` chose one.
        largest: 8-bit weight.
    """

    def __init__(
        self,
        graph: Path,
        recipe: LinearRecipe | None = None,
        layers: Sequence[LayerStats] = (),
        ranges: Mapping[str, Range] | None = None,
        largest: int = 0,
    ) -> None:
        self.graph = graph
        self.layers = layers
        self._recipe = recipe
        self._ranges = ranges or {}
        self._largest = largest
        self._rounded: dict[tuple[int, Scheme], RoundedLayer] = {}

    def rounded(self, schemes: Sequence[Scheme]) -> list[RoundedLayer | None]:
        """Each layer rounded by its scheme, None for `float`; results are cached."""
        return [
            None if scheme == FLOAT else self._round(number, scheme)
            for number, scheme in enumerate(schemes)
        ]

    def _round(self, number: int, scheme: Scheme) -> RoundedLayer:
        if self._recipe is None:
            raise ValueError("a recipe without linear layers rounds none")
        key = number, scheme
        if key not in self._rounded:
            layer = self.layers[number]
            chosen = {
                name: self._ranges[name] for name in layer.activations if name in self._ranges
            }
            self._rounded[key] = round_layer(layer, self._recipe, scheme, chosen, self._largest)
        return self._rounded[key]


def prepare(
    path: Path, destination: Path, recipe: LinearRecipe, batches: Sequence[Feeds], largest: int
) -> Prepared:
    """Calibrate, separate gates, move outlier channels last, and smooth attention outputs.

    Args:
        path: an fp32 graph with linear layers.
        destination: the prepared graph, a single file.
        recipe: of linear layers.
        batches: calibration inputs; empty for recipes that need none.
        largest: 8-bit weight.
    """
    model = ir.load(path)
    separate_gates(model)
    statistics: dict[str, ActivationStatistics] = {}
    outliers: Mapping[str, Outliers] = {}
    smoothed: Mapping[str, ActivationStatistics] = {}
    if recipe.needs_statistics:
        statistics = activation_statistics(path, _channels(model.graph), batches)
        statistics, outliers = move_outliers_last(model.graph, statistics, recipe.outliers)
    if recipe.strengths:
        smoothed = smooth_attention_outputs(model.graph, statistics, recipe.strengths, largest)
    shared = shared_linears(model.graph)
    ir.external_data.load_to_model(model)
    ir.save(model, destination)
    layers = [
        _layer_stats(f"linear_{number}", groups, {**statistics, **smoothed}, outliers, smoothed)
        for number, groups in enumerate(shared)
    ]
    ranges: Mapping[str, Range] = {}
    if recipe.needs_ranges and recipe.ranges != "minmax":
        ranges = _chosen_ranges(destination, recipe, shared, layers, batches, largest)
    return Prepared(destination, recipe, layers, ranges, largest)


def _channels(graph: ir.Graph) -> dict[str, int]:
    """Input of linear layers → its channels."""
    return {
        str(x.name): linears[0].weight.shape[0] for x, linears in linears_by_input(graph).items()
    }


def _layer_stats(
    name: str,
    groups: Sequence[LinearGroup],
    statistics: Mapping[str, ActivationStatistics],
    outliers: Mapping[str, Outliers],
    smoothed: Mapping[str, ActivationStatistics],
) -> LayerStats:
    names = [str(group.x.name) for group in groups]
    return LayerStats.of(
        name,
        groups[0].linears,
        {name: statistics[name] for name in names if name in statistics},
        outliers.get(names[0]),
        smoothed=names[0] in smoothed,
    )


def _chosen_ranges(
    graph: Path,
    recipe: LinearRecipe,
    shared: Sequence[Sequence[LinearGroup]],
    layers: Sequence[LayerStats],
    batches: Sequence[Feeds],
    largest: int,
) -> dict[str, Range]:
    """The static range of each activation, by the recipe's method."""
    histograms: dict[str, Histogram] = {}
    for groups, layer in zip(shared, layers, strict=True):
        divisors = layer.divisors(recipe, recipe.schemes[0], largest)
        multiplier = None if divisors is None else 1 / divisors
        limit = float("inf") if layer.outliers is None else layer.outliers.limit
        histograms |= {str(group.x.name): Histogram(multiplier, limit) for group in groups}
    observe(graph, histograms, batches)
    choose = RANGE_METHODS[recipe.ranges]
    return {name: choose(histogram) for name, histogram in histograms.items()}
