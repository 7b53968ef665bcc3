"""Match norms over the last axis: LayerNormalization, and RMSNorm in operators of its own."""

from collections.abc import Sequence
from typing import Final

import onnx_ir as ir

from edgebert_quantize.native.layers import Norm
from edgebert_quantize.native.values import (
    MismatchError,
    array_of,
    constant,
    in_order,
    inputs_of,
    is_constant,
    is_made_by,
    named,
    number_of,
    operands,
    producer,
    required,
)

LAST: Final = (-1, 2)
"""The last of three axes."""

USUAL_EPSILON: Final = 1e-5
"""Of LayerNormalization without the attribute."""

READS: Final = {"layer": 1, "rms": 2}
"""How many nodes of a norm read what it norms."""


def is_norm(value: ir.Value) -> bool:
    """Whether a value comes from a norm, of whatever axis."""
    return is_made_by(value, "LayerNormalization") or _is_rms_norm(value)


def match_norm(value: ir.Value) -> tuple[Norm, ir.Value]:
    """A norm over the last axis, and what it norms.

    Raises:
        MismatchError: it is no norm, or norms otherwise.
    """
    return _rms_norm(value) if _is_rms_norm(value) else _layer_norm(value)


def norm_of(value: ir.Value, nodes: Sequence[ir.Node]) -> ir.Value | None:
    """The norm that alone reads a value, among nodes; None if there is none."""
    if value.is_graph_output():
        return None
    for node in nodes:
        output = node.outputs[0]
        if is_norm(output):
            norm, normed = match_norm(output)
            if normed is value and len(list(value.uses())) == READS[norm.kind]:
                return output
    return None


def _layer_norm(value: ir.Value) -> tuple[Norm, ir.Value]:
    node = producer(value, "LayerNormalization")
    x, weight, bias = inputs_of(node, 3)
    _require_last(value, node.attributes.get_int("axis", -1))
    found = Norm(
        weight=constant(weight, 1),
        bias=None if bias is None else constant(bias, 1),
        epsilon=node.attributes.get_float("epsilon", USUAL_EPSILON),
        kind="layer",
    )
    return found, required(x, node)


def _is_rms_norm(value: ir.Value) -> bool:
    """Whether it is a product of weights and a quotient of a root."""
    if not is_made_by(value, "Mul"):
        return False
    quotients = [each for each in operands(producer(value, "Mul")) if is_made_by(each, "Div")]
    return any(is_made_by(operands(producer(each, "Div"))[1], "Sqrt") for each in quotients)


def _rms_norm(value: ir.Value) -> tuple[Norm, ir.Value]:
    """Weight · (x / √(mean of x² + epsilon)), as export writes RMSNorm."""
    weight, quotient = in_order(producer(value, "Mul"), is_constant, "weights")
    x, root = operands(producer(quotient, "Div"))
    (inside,) = inputs_of(producer(root, "Sqrt"), 1)
    epsilon, mean = in_order(producer(inside, "Add"), is_constant, "an epsilon")
    squares, axes = operands(producer(mean, "ReduceMean"))
    squared, exponent = operands(producer(squares, "Pow"))
    for axis in array_of(axes, 1).tolist():
        _require_last(value, axis)
    if squared is not x or number_of(exponent) != 2:
        raise MismatchError(f"{named(value)} is no quotient of a root of a mean of squares")
    found = Norm(weight=constant(weight, 1), bias=None, epsilon=number_of(epsilon), kind="rms")
    return found, x


def _require_last(value: ir.Value, axis: int) -> None:
    if axis not in LAST:
        raise MismatchError(f"{named(value)} norms another axis than the last")
