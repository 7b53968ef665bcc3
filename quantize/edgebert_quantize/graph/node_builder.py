"""Add nodes and constants to a graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import ArrayLike, DTypeLike, NDArray


class NodeBuilder:
    """Inserts nodes before a node; names of outputs and constants have a common prefix."""

    def __init__(self, graph: ir.Graph, before: ir.Node, name: str) -> None:
        self._graph = graph
        self._before = before
        self._name = name

    def __call__(
        self,
        operator: str,
        inputs: Sequence[ir.Value | None],
        suffix: str,
        domain: str = "",
        **attributes: int | Sequence[int],
    ) -> ir.Value:
        """Insert a node with one output, and return the output."""
        (output,) = self.several(operator, inputs, [suffix], domain, **attributes)
        return output

    def several(
        self,
        operator: str,
        inputs: Sequence[ir.Value | None],
        suffixes: Sequence[str],
        domain: str = "",
        **attributes: int | Sequence[int],
    ) -> Sequence[ir.Value]:
        """Insert a node with an output for each suffix, and return the outputs."""
        node = ir.node(operator, inputs, attributes, domain=domain, num_outputs=len(suffixes))
        for value, suffix in zip(node.outputs, suffixes, strict=True):
            value.name = f"{self._name}_{suffix}"
        self._graph.insert_before(self._before, node)
        return node.outputs

    def constant(self, suffix: str, value: ArrayLike, dtype: DTypeLike) -> ir.Value:
        """Add a constant, named by the prefix and a suffix."""
        return initializer(self._graph, f"{self._name}_{suffix}", np.asarray(value, dtype))

    def named(self, name: str) -> "NodeBuilder":
        """A builder for the same place with another prefix."""
        return NodeBuilder(self._graph, self._before, name)


def initializer(graph: ir.Graph, name: str, array: NDArray[Any]) -> ir.Value:
    """Add a constant to a graph."""
    tensor = ir.tensor(array, name=name)
    value = ir.Value(name=name, const_value=tensor, shape=ir.Shape(array.shape))
    value.dtype = tensor.dtype
    graph.register_initializer(value)
    return value


def drop_unused_initializers(graph: ir.Graph) -> None:
    """Remove constants that no node reads."""
    for name in [name for name, value in graph.initializers.items() if not value.uses()]:
        del graph.initializers[name]
