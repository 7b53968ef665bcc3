"""A graph made ready, and the numbers of its layers for whatever scheme each of them gets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx_ir as ir

from edgebert_quantize.calibration.ranges import CHOOSERS, Histogram, Range
from edgebert_quantize.calibration.statistics import (
    ActivationStatistics,
    Feeds,
    activation_statistics,
    watch,
)
from edgebert_quantize.graph.linear_layers import LinearGroup, linears_by_input, shared_linears
from edgebert_quantize.recipes import FLOAT, LinearRecipe, Scheme
from edgebert_quantize.weights.outlier_channels import Outliers, move_outliers_last
from edgebert_quantize.weights.rounding import LayerStats, RoundedLayer, round_layer
from edgebert_quantize.weights.smoothquant import smooth_contexts


class Prepared:
    """An fp32 graph, its channels ordered and its contexts smoothed, and its layers rounded.

    Args:
        graph: the file; it stays while this is used.
        recipe: how layers are rounded; None leaves them as they are.
        layers: their numbers, in the order of `shared_linears`.
        ranges: what integers of static activations span, by activation, where it was chosen.
        largest: integer among 8-bit weights.
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
        """Each layer by a scheme, None where that is `float`; computed once for each."""
        return [
            None if scheme == FLOAT else self._round(number, scheme)
            for number, scheme in enumerate(schemes)
        ]

    def _round(self, number: int, scheme: Scheme) -> RoundedLayer:
        if self._recipe is None:
            raise ValueError("without a recipe for linear layers none is rounded")
        key = number, scheme
        if key not in self._rounded:
            layer = self.layers[number]
            known = {name: self._ranges[name] for name in layer.seen_at if name in self._ranges}
            self._rounded[key] = round_layer(layer, self._recipe, scheme, known, self._largest)
        return self._rounded[key]


def prepare(
    path: Path, destination: Path, recipe: LinearRecipe, batches: Sequence[Feeds], largest: int
) -> Prepared:
    """Calibrate, order channels and smooth contexts.

    Args:
        path: an fp32 graph with linear layers.
        destination: where the prepared graph goes, weights inside.
        recipe: how.
        batches: what activations are watched on; none for recipes that need none.
        largest: integer among 8-bit weights.
    """
    model = ir.load(path)
    statistics: dict[str, ActivationStatistics] = {}
    outliers: Mapping[str, Outliers] = {}
    smoothed: Mapping[str, ActivationStatistics] = {}
    if recipe.needs_statistics:
        statistics = activation_statistics(path, _channels(model.graph), batches)
        statistics, outliers = move_outliers_last(model.graph, statistics, recipe.outliers)
    if recipe.strengths:
        smoothed = smooth_contexts(model.graph, statistics, recipe.strengths, largest)
    groups = shared_linears(model.graph)
    ir.external_data.load_to_model(model)
    ir.save(model, destination)
    layers = [
        _numbers(f"linear_{number}", sites, {**statistics, **smoothed}, outliers, smoothed)
        for number, sites in enumerate(groups)
    ]
    ranges: Mapping[str, Range] = {}
    if recipe.needs_ranges and recipe.ranges != "minmax":
        ranges = _chosen_ranges(destination, recipe, groups, layers, batches, largest)
    return Prepared(destination, recipe, layers, ranges, largest)


def _channels(graph: ir.Graph) -> dict[str, int]:
    """Activation that linear layers read → its channels."""
    return {
        str(x.name): linears[0].weight.shape[0] for x, linears in linears_by_input(graph).items()
    }


def _numbers(
    name: str,
    sites: Sequence[LinearGroup],
    statistics: Mapping[str, ActivationStatistics],
    outliers: Mapping[str, Outliers],
    smoothed: Mapping[str, ActivationStatistics],
) -> LayerStats:
    names = [str(site.x.name) for site in sites]
    return LayerStats.of(
        name,
        sites[0].linears,
        {name: statistics[name] for name in names if name in statistics},
        outliers.get(names[0]),
        smoothed=names[0] in smoothed,
    )


def _chosen_ranges(
    graph: Path,
    recipe: LinearRecipe,
    groups: Sequence[Sequence[LinearGroup]],
    layers: Sequence[LayerStats],
    batches: Sequence[Feeds],
    largest: int,
) -> dict[str, Range]:
    """What integers of each activation span, by the recipe's method."""
    histograms: dict[str, Histogram] = {}
    for sites, layer in zip(groups, layers, strict=True):
        divisors = layer.divisors(recipe, recipe.schemes[0], largest)
        multiplier = None if divisors is None else 1 / divisors
        limit = float("inf") if layer.outliers is None else layer.outliers.limit
        histograms |= {str(site.x.name): Histogram(multiplier, limit) for site in sites}
    watch(graph, histograms, batches)
    choose = CHOOSERS[recipe.ranges]
    return {name: choose(histogram) for name, histogram in histograms.items()}
