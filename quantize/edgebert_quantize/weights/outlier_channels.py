"""Multiply the few channels with the largest values, outliers, in float32.

After GELU one channel in a hundred has values several times as large as the rest. A scale for its
range is too coarse for the others. So the range excludes these channels, and they are multiplied in
float32, as in LLM.int8() (Dettmers et al. 2022, section 3.2). In the integer product their weights
are zero, which saves a slice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.calibration.statistics import ActivationStatistics
from edgebert_quantize.graph.linear_layers import Linear, LinearGroup, find_linears, shared_linears
from edgebert_quantize.graph.node_builder import NodeBuilder, initializer

BOUNDED_BELOW: Final = frozenset({"Gelu", "Relu"})
"""Elementwise operators whose results are bounded below, so that outliers are on one side."""


@dataclass(frozen=True, kw_only=True)
class Outliers:
    """The last `count` channels of an activation; all others stay below `limit`."""

    count: int
    limit: float


def move_outliers_last(
    graph: ir.Graph, statistics: Mapping[str, ActivationStatistics], share: float
) -> tuple[dict[str, ActivationStatistics], dict[str, Outliers]]:
    """Sort the channels between two linear layers by their maximum, in place.

        x ─ MatMul(V) ─ Add(b) ─ Gelu ─ MatMul(W) ─

    Columns of V and b and rows of W move together, so the result is the same, and the channels with
    the largest values are a slice at the end.

    Args:
        graph: fp32, with linear layers as `find_linears` sees them.
        statistics: activation name → calibration statistics.
        share: of the channels that are outliers.

    Returns:
        statistics in the new order, and activation name → its outliers, if any
    """
    reordered = dict(statistics)
    found: dict[str, Outliers] = {}
    for groups in shared_linears(graph):
        names = [str(group.x.name) for group in groups]
        seen = ActivationStatistics.merged([statistics[name] for name in names])
        count = int(share * len(seen.maximum))
        producers = _producers(graph, groups)
        if not count or not producers:
            continue
        order = np.argsort(seen.maximum, kind="stable")
        _reorder(graph, producers, groups[0].linears, order)
        limit = float(seen.maximum[order[-count - 1]])
        for name in names:
            reordered[name] = statistics[name].reordered(order)
            found[name] = Outliers(count=count, limit=limit)
    return reordered, found


class LastChannels:
    """Slices the outliers out of activations; the constants are shared."""

    def __init__(self, graph: ir.Graph, count: int, inputs: int, name: str) -> None:
        self._graph = graph
        self._slice = [
            initializer(graph, f"{name}.outlier_{part}", np.array([value], np.int64))
            for part, value in (("start", inputs - count), ("end", inputs), ("axis", -1))
        ]

    def of(self, x: ir.Value, before: ir.Node) -> ir.Value:
        """A slice of an activation."""
        return NodeBuilder(self._graph, before, str(x.name))("Slice", [x, *self._slice], "outliers")


def _producers(graph: ir.Graph, groups: Sequence[LinearGroup]) -> list[Linear]:
    """The layers that produce the inputs of these groups, if their columns can be reordered."""
    outputs = [_before_operator(group) for group in groups]
    producers = [linear for linear in find_linears(graph) if linear.output in outputs]
    weights = {id(linear.matmul.inputs[1]) for linear in producers}
    read = {id(linear.matmul.inputs[1]) for group in groups for linear in group.linears}
    fit = len(producers) == len(groups) and len(weights) == 1 and weights.isdisjoint(read)
    return producers if fit else []


def _before_operator(group: LinearGroup) -> ir.Value | None:
    """The input of the operator that produces an activation, if no other node reads either."""
    operator = group.x.producer()
    if operator is None or operator.op_type not in BOUNDED_BELOW:
        return None
    value = operator.inputs[0]
    if value is None or len(list(value.uses())) != 1:
        return None
    readers = {linear.matmul for linear in group.linears}
    seen = value.is_graph_output() or group.x.is_graph_output()
    return None if seen or {use.node for use in group.x.uses()} != readers else value


def _reorder(
    graph: ir.Graph, producers: Sequence[Linear], readers: Sequence[Linear], order: NDArray[np.intp]
) -> None:
    """Reorder columns of the producers, which share one weight, and rows of the readers."""
    producers[0].set_weight(producers[0].weight[:, order])
    for linear in producers:
        if linear.bias is not None:
            linear.set_bias(graph, linear.bias[order])
    for linear in readers:
        linear.set_weight(linear.weight[order])
