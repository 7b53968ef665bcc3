"""Match a feed-forward network: two products, or three where one is a gate."""

from typing import Final

import onnx_ir as ir

from edgebert_quantize.native.layers import FeedForward
from edgebert_quantize.native.products import is_product, match_product
from edgebert_quantize.native.values import (
    MismatchError,
    in_order,
    is_made_by,
    named,
    operands,
    producer,
    required,
)
from edgebert_runtime.engine.onnxruntime import CONTRIB

ACTIVATIONS: Final = {
    ("Gelu", "", "none"): "gelu",
    ("Gelu", CONTRIB, "none"): "gelu",
    ("Gelu", "", "tanh"): "gelu_tanh",
    ("Relu", "", "none"): "relu",
}
"""Operator, domain and `approximate` → the native operator's name of it."""

SILU: Final = "silu"
"""x · sigmoid(x), which has two nodes."""


def match_feed_forward(value: ir.Value) -> tuple[FeedForward, ir.Value]:
    """A feed-forward network, and what it reads.

    Raises:
        MismatchError: it is another network than the operator has.
    """
    down, inner = match_product(value)
    gated = is_made_by(inner, "Mul") and not _is_silu(inner)
    if not gated:
        activation, raised = _activation(inner)
        up, reads = match_product(raised)
        return FeedForward(up=up, gate=None, down=down, activation=activation), reads
    raised, activated = in_order(producer(inner, "Mul"), is_product, "a gate and a product")
    up, reads = match_product(raised)
    activation, gating = _activation(activated)
    gate, also_reads = match_product(gating)
    if also_reads is not reads:
        raise MismatchError(f"{named(inner)} has a gate of another value than it gates")
    return FeedForward(up=up, gate=gate, down=down, activation=activation), reads


def _activation(value: ir.Value) -> tuple[str, ir.Value]:
    """The name of an activation function, and what it is applied to."""
    if _is_silu(value):
        return SILU, _sigmoid_and_x(value)[1]
    node = value.producer()
    if node is None:
        raise MismatchError(f"{named(value)} comes from no activation function")
    kind = node.op_type, node.domain, node.attributes.get_string("approximate", "none")
    if kind not in ACTIVATIONS:
        known = ", ".join(sorted({*ACTIVATIONS.values(), SILU}))
        approximate = f" ({kind[2]})" if kind[2] != "none" else ""
        raise MismatchError(f"its activation is {kind[0]}{approximate}, expected {known}")
    return ACTIVATIONS[kind], required(node.inputs[0], node)


def _is_silu(value: ir.Value) -> bool:
    if not is_made_by(value, "Mul"):
        return False
    if not any(is_made_by(each, "Sigmoid") for each in operands(producer(value, "Mul"))):
        return False
    sigmoid, x = _sigmoid_and_x(value)
    return producer(sigmoid, "Sigmoid").inputs[0] is x


def _sigmoid_and_x(value: ir.Value) -> tuple[ir.Value, ir.Value]:
    return in_order(
        producer(value, "Mul"), lambda each: is_made_by(each, "Sigmoid"), "x and its sigmoid"
    )
