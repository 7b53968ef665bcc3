"""Walk from a value of a graph to what it is made of; whatever is not as expected is said."""

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
    if len(value.const_value.shape) not in ranks:
        axes = " or ".join(map(str, ranks))
        raise MismatchError(f"{named(value)} has another number of axes than {axes}")
    return value


def array_of(value: ir.Value | None, rank: int) -> NDArray[np.generic]:
    """The numbers of a constant; errors as `constant`."""
    tensor = constant(value, rank).const_value
    return np.empty(0) if tensor is None else tensor.numpy()  # `constant` has refused None


def named(value: ir.Value | None) -> str:
    """A value's name, for errors."""
    return "an input" if value is None else str(value.name)
