"""Let the few channels that stretch an activation's range go around the integers.

After GELU one channel in a hundred reaches several times as far as the rest, and a scale that spans
it is too coarse for all others. So the range ends where the rest ends, and those few channels are
multiplied in float32, as in LLM.int8() (Dettmers et al. 2022, section 3.2). They stay among the
integers, with weights of zero: a slice less.
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
"""Operators on single elements whose results reach far to one side only."""


@dataclass(frozen=True, kw_only=True)
class Outliers:
    """The last `count` channels of an activation; all others stay below `limit`."""

    count: int
    limit: float


def move_outliers_last(
    graph: ir.Graph, statistics: Mapping[str, ActivationStatistics], share: float
) -> tuple[dict[str, ActivationStatistics], dict[str, Outliers]]:
    """Order the channels between two linear layers by how far they reach, in place.

        x ─ MatMul(V) ─ Add(b) ─ Gelu ─ MatMul(W) ─

    Columns of V and b and rows of W move together, so the graph computes what it did, and the
    channels that reach farthest are a slice.

    Args:
        graph: fp32, with linear layers as `find_linears` sees them.
        statistics: activation name → what calibration saw.
        share: of the channels, how many count as outliers.

    Returns:
        statistics in the new order, and activation name → its outliers, where it has some
    """
    moved = dict(statistics)
    found: dict[str, Outliers] = {}
    for sites in shared_linears(graph):
        names = [str(site.x.name) for site in sites]
        seen = ActivationStatistics.together([statistics[name] for name in names])
        count = int(share * len(seen.maximum))
        makers = _makers(graph, sites)
        if not count or not makers:
            continue
        order = np.argsort(seen.maximum, kind="stable")
        _reorder(graph, makers, sites[0].linears, order)
        limit = float(seen.maximum[order[-count - 1]])
        for name in names:
            moved[name] = statistics[name].reordered(order)
            found[name] = Outliers(count=count, limit=limit)
    return moved, found


class LastChannels:
    """The outliers of an activation, as a graph cuts them out; constants are made once."""

    def __init__(self, graph: ir.Graph, count: int, inputs: int, name: str) -> None:
        self._graph = graph
        self._slice = [
            initializer(graph, f"{name}.outlier_{part}", np.array([value], np.int64))
            for part, value in (("start", inputs - count), ("end", inputs), ("axis", -1))
        ]

    def of(self, x: ir.Value, before: ir.Node) -> ir.Value:
        """A slice of an activation."""
        return NodeBuilder(self._graph, before, str(x.name))("Slice", [x, *self._slice], "outliers")


def _makers(graph: ir.Graph, sites: Sequence[LinearGroup]) -> list[Linear]:
    """The layers that make what these sites read, if their columns can be moved."""
    outputs = [_before_operator(site) for site in sites]
    makers = [linear for linear in find_linears(graph) if linear.output in outputs]
    weights = {id(linear.matmul.inputs[1]) for linear in makers}
    read = {id(linear.matmul.inputs[1]) for site in sites for linear in site.linears}
    fit = len(makers) == len(sites) and len(weights) == 1 and weights.isdisjoint(read)
    return makers if fit else []


def _before_operator(site: LinearGroup) -> ir.Value | None:
    """The input of the operator that makes an activation, if nobody else sees either."""
    operator = site.x.producer()
    if operator is None or operator.op_type not in BOUNDED_BELOW:
        return None
    value = operator.inputs[0]
    if value is None or len(list(value.uses())) != 1:
        return None
    readers = {linear.matmul for linear in site.linears}
    seen = value.is_graph_output() or site.x.is_graph_output()
    return None if seen or {use.node for use in site.x.uses()} != readers else value


def _reorder(
    graph: ir.Graph, makers: Sequence[Linear], readers: Sequence[Linear], order: NDArray[np.intp]
) -> None:
    """Move columns of the makers, which share one weight, and rows of the readers."""
    makers[0].set_weight(makers[0].weight[:, order])
    for linear in makers:
        if linear.bias is not None:
            linear.set_bias(graph, linear.bias[order])
    for linear in readers:
        linear.set_weight(linear.weight[order])
