"""Find the linear layers of a graph by structure, not by name."""

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
    """A linear layer y = x W + b of a graph.

    Attributes:
        matmul: the node of x W.
        add: the node that adds the bias; None without one.
    """

    matmul: ir.Node
    add: ir.Node | None

    @property
    def x(self) -> ir.Value:
        """The current input, float32."""
        return _present(self.matmul.inputs[0])

    @property
    def weight(self) -> NDArray[np.float32]:
        """The current weight, (inputs, outputs), float32."""
        return _present(_present(self.matmul.inputs[1]).const_value).numpy()

    @property
    def bias(self) -> NDArray[np.float32] | None:
        """The current bias, (outputs,), float32; None without one."""
        if self.add is None:
            return None
        return _present(_present(self.add.inputs[_bias_index(self.add)]).const_value).numpy()

    def set_weight(self, weight: NDArray[np.float32]) -> None:
        """Replace the weight, also for every layer that shares it."""
        value = _present(self.matmul.inputs[1])
        value.const_value = ir.tensor(weight.astype(np.float32), name=value.name)

    def set_bias(self, graph: ir.Graph, bias: NDArray[np.float32]) -> None:
        """Replace the bias; a constant that other nodes read, too, is not changed."""
        if self.add is None:
            raise ValueError("a linear layer without a bias cannot be given one")
        index = _bias_index(self.add)
        value = _present(self.add.inputs[index])
        if len(list(value.uses())) > 1:
            value = initializer(graph, f"{self.output.name}_bias", bias)
            self.add.replace_input_with(index, value)
        value.const_value = ir.tensor(bias.astype(np.float32), name=value.name)

    @property
    def output(self) -> ir.Value:
        """The result, bias included."""
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
    by_input: dict[ir.Value, list[Linear]] = {}
    for linear in find_linears(graph):
        by_input.setdefault(linear.x, []).append(linear)
    return by_input


def shared_linears(graph: ir.Graph) -> list[list[LinearGroup]]:
    """Groups by the weights they use; those of a layer that is used several times are together.

    A weight that several of these lists use is copied first, so that lists are independent.
    """
    by_weights: dict[tuple[int, ...], list[LinearGroup]] = {}
    for x, linears in linears_by_input(graph).items():
        key = tuple(id(linear.matmul.inputs[1]) for linear in linears)
        by_weights.setdefault(key, []).append(LinearGroup(x=x, linears=linears))
    uses = Counter(weight for key in by_weights for weight in set(key))
    for key, groups in by_weights.items():
        if any(uses[weight] > 1 for weight in key):
            _copy_weights(graph, groups)
    return list(by_weights.values())


def _copy_weights(graph: ir.Graph, groups: list[LinearGroup]) -> None:
    """Give groups copies of the weights that they share with each other."""
    for position, linear in enumerate(groups[0].linears):
        name = f"{linear.matmul.outputs[0].name}_weight"
        own = initializer(graph, name, linear.weight)
        for group in groups:
            group.linears[position].matmul.replace_input_with(1, own)


def side_by_side(linears: Sequence[Linear]) -> NDArray[np.float32]:
    """Concatenated weights of layers with the same input, (inputs, all outputs), float32."""
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
