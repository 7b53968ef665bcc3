"""Walk from a value of a graph to what it is made of; whatever is not as expected is said."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray


class MismatchError(Exception):
    """The graph has something that the native operator cannot express; says what and where."""


def is_made_by(value: ir.Value, operator: str, domain: str = "") -> bool:
    """Whether a node of an operator makes a value."""
    node = value.producer()
    return node is not None and (node.op_type, node.domain) == (operator, domain)


def producer(value: ir.Value | None, operator: str, domain: str = "") -> ir.Node:
    """The node that makes a value.

    Raises:
        MismatchError: it is of another operator.
    """
    node = None if value is None else value.producer()
    if node is None or (node.op_type, node.domain) != (operator, domain):
        found = "no node" if node is None else node.op_type
        raise MismatchError(f"{named(value)} comes from {found}, expected {operator}")
    return node


def inputs_of(node: ir.Node, count: int) -> list[ir.Value | None]:
    """The inputs of a node, None for those at the end that it has not."""
    return [*node.inputs, *[None] * count][:count]


def operands(node: ir.Node) -> tuple[ir.Value, ir.Value]:
    """The two inputs of a node."""
    first, second = inputs_of(node, 2)
    return required(first, node), required(second, node)


def required(value: ir.Value | None, node: ir.Node) -> ir.Value:
    """An input of a node.

    Raises:
        MismatchError: it is left out.
    """
    if value is None:
        raise MismatchError(f"{node.op_type} {node.name} lacks an input")
    return value


def constant(value: ir.Value | None, *ranks: int) -> ir.Value:
    """A constant of the graph with one of these numbers of axes.

    Raises:
        MismatchError: it is computed, or has another number of axes.
    """
    if value is None or value.const_value is None:
        raise MismatchError(f"{named(value)} is computed, expected a constant")
    _require_axes(value, value.const_value, ranks)
    return value


def array_of(value: ir.Value | None, *ranks: int) -> NDArray[np.generic]:
    """The numbers of a constant, of the graph or of a node; errors as `constant`."""
    tensor = None if value is None else ir.convenience.get_const_tensor(value)
    if tensor is None:
        raise MismatchError(f"{named(value)} is computed, expected a constant")
    _require_axes(value, tensor, ranks)
    return tensor.numpy()


def number_of(value: ir.Value | None) -> float:
    """The only number of a constant; errors as `constant`."""
    found = array_of(value, 0, 1)
    if found.size != 1:
        raise MismatchError(f"{named(value)} has {found.size} numbers, expected 1")
    return float(found.item())


def is_constant(value: ir.Value) -> bool:
    """Whether it is a constant, of the graph or of a node."""
    return ir.convenience.get_const_tensor(value) is not None


def in_order(
    node: ir.Node, is_first: Callable[[ir.Value], bool], expected: str
) -> tuple[ir.Value, ir.Value]:
    """The two inputs of a node that may swap them.

    Args:
        node: such as an Add or a Mul.
        is_first: tells the first one.
        expected: what the first one is, for errors.

    Raises:
        MismatchError: neither is the first one.
    """
    first, second = operands(node)
    for one, other in ((first, second), (second, first)):
        if is_first(one):
            return one, other
    raise MismatchError(f"{named(node.outputs[0])} is not a {node.op_type} of {expected}")


def residual_first(node: ir.Node) -> tuple[ir.Value, ir.Value]:
    """The two summands of a sum, of which the second is made of the first.

    Raises:
        MismatchError: neither is.
    """
    first, second = operands(node)
    if _is_made_of(second, first):
        return first, second
    if _is_made_of(first, second):
        return second, first
    raise MismatchError(f"{named(node.outputs[0])} adds values of which none is made of the other")


def _is_made_of(value: ir.Value, other: ir.Value) -> bool:
    seen, pending = set[ir.Node](), [value]
    while pending:
        current = pending.pop()
        if current is other:
            return True
        node = current.producer()
        if node is not None and node not in seen:
            seen.add(node)
            pending += [each for each in node.inputs if each is not None]
    return False


def _require_axes(value: ir.Value | None, tensor: ir.TensorProtocol, ranks: Sequence[int]) -> None:
    if len(tensor.shape) not in ranks:
        axes = " or ".join(map(str, ranks))
        raise MismatchError(f"{named(value)} has another number of axes than {axes}")


def named(value: ir.Value | None) -> str:
    """A value's name, for errors."""
    return "an input" if value is None else str(value.name)
