"""Find the linear layers of a graph, by structure and not by name."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.graph.node_builder import initializer

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Linear:
    """y = x W + b as the graph has it.

    Attributes:
        matmul: the product.
        add: the node that adds the bias, where there is one.
    """

    matmul: ir.Node
    add: ir.Node | None

    @property
    def x(self) -> ir.Value:
        """Its activation, float32, as the graph has it now."""
        return _present(self.matmul.inputs[0])

    @property
    def weight(self) -> NDArray[np.float32]:
        """Its constant, (inputs, outputs), float32, as the graph has it now."""
        return _present(_present(self.matmul.inputs[1]).const_value).numpy()

    @property
    def bias(self) -> NDArray[np.float32] | None:
        """The constant that is added, (outputs,), float32, as the graph has it now."""
        if self.add is None:
            return None
        return _present(_present(self.add.inputs[_bias_index(self.add)]).const_value).numpy()

    def set_weight(self, weight: NDArray[np.float32]) -> None:
        """Give its constant, and with it every layer that shares it, other values."""
        value = _present(self.matmul.inputs[1])
        value.const_value = ir.tensor(weight.astype(np.float32), name=value.name)

    def set_bias(self, graph: ir.Graph, bias: NDArray[np.float32]) -> None:
        """Let it add another constant; one that others read, being equal, stays theirs."""
        if self.add is None:
            raise ValueError("a linear layer without a bias cannot get another")
        index = _bias_index(self.add)
        value = _present(self.add.inputs[index])
        if len(list(value.uses())) > 1:
            value = initializer(graph, f"{self.output.name}_bias", bias)
            self.add.replace_input_with(index, value)
        value.const_value = ir.tensor(bias.astype(np.float32), name=value.name)

    @property
    def output(self) -> ir.Value:
        """What the layer computes, bias included."""
        return (self.add or self.matmul).outputs[0]


@dataclass(frozen=True, kw_only=True)
class LinearGroup:
    """An activation and the linear layers that read it, in graph order."""

    x: ir.Value
    linears: list[Linear]


def find_linears(graph: ir.Graph) -> Iterator[Linear]:
    """Every MatMul of an activation with a constant float32 matrix, in graph order."""
    for node in graph:
        if node.op_type != "MatMul" or node.domain:
            continue
        x, weight = node.inputs
        tensor = None if weight is None else weight.const_value
        if (
            x is None
            or tensor is None
            or tensor.dtype != ir.DataType.FLOAT
            or len(tensor.shape) != 2
        ):
            continue
        yield Linear(matmul=node, add=_bias_add(node))


def linears_by_input(graph: ir.Graph) -> dict[ir.Value, list[Linear]]:
    """Activation → the linear layers that read it, in graph order."""
    groups: dict[ir.Value, list[Linear]] = {}
    for linear in find_linears(graph):
        groups.setdefault(linear.x, []).append(linear)
    return groups


def shared_linears(graph: ir.Graph) -> list[list[LinearGroup]]:
    """Sites by the weights they use: most alone, those of a layer that is used again together.

    A weight that belongs to several of these groups is copied first, so that groups are apart.
    """
    groups: dict[tuple[int, ...], list[LinearGroup]] = {}
    for x, linears in linears_by_input(graph).items():
        key = tuple(id(linear.matmul.inputs[1]) for linear in linears)
        groups.setdefault(key, []).append(LinearGroup(x=x, linears=linears))
    uses = Counter(weight for key in groups for weight in set(key))
    for key, sites in groups.items():
        if any(uses[weight] > 1 for weight in key):
            _copy_weights(graph, sites)
    return list(groups.values())


def _copy_weights(graph: ir.Graph, sites: list[LinearGroup]) -> None:
    """Give sites that share weights copies of their own, still shared among them."""
    for position, linear in enumerate(sites[0].linears):
        name = f"{linear.matmul.outputs[0].name}_weight"
        own = initializer(graph, name, linear.weight)
        for site in sites:
            site.linears[position].matmul.replace_input_with(1, own)


def side_by_side(linears: Sequence[Linear]) -> NDArray[np.float32]:
    """The columns of layers that read the same, (inputs, all their outputs), float32."""
    return np.concatenate([linear.weight for linear in linears], axis=1)


def _present(item: Item | None) -> Item:
    if item is None:
        raise ValueError("a linear layer lost its activation or its constant")
    return item


def _bias_add(matmul: ir.Node) -> ir.Node | None:
    """The Add that is the product's only consumer, if it adds a constant vector."""
    uses = list(matmul.outputs[0].uses())
    if len(uses) != 1 or uses[0].node.op_type != "Add" or matmul.outputs[0].is_graph_output():
        return None
    other = uses[0].node.inputs[1 - uses[0].idx]
    if other is None or other.const_value is None or len(other.const_value.shape) != 1:
        return None
    return uses[0].node


def _bias_index(add: ir.Node) -> int:
    """Which input of a bias's Add is the constant."""
    return next(
        at for at, value in enumerate(add.inputs) if _present(value).const_value is not None
    )
