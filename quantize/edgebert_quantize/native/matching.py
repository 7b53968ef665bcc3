"""Find the layers of an int8 graph that the native operator can express.

The graph is the one for old engines, where attention is MatMul and Softmax. A layer is matched from
its end to its beginning: every value has one node that makes it. Whatever differs from what the
operator computes is a `MismatchError`, and the graph has no native variant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from edgebert_quantize.graph.lowering import SPLIT
from edgebert_quantize.native.layers import Attention, EncoderLayers, Layer, Norm, Product
from edgebert_quantize.native.products import is_product, match_product
from edgebert_quantize.native.values import (
    MismatchError,
    array_of,
    constant,
    inputs_of,
    named,
    operands,
    producer,
    required,
)
from edgebert_runtime.engine.onnxruntime import CONTRIB

TURNED: Final = (0, 1, 3, 2)
"""Keys before the product with queries."""

UNDERFLOWS: Final = -1e30
"""A score at most this large has a weight of 0."""

ACTIVATIONS: Final = {
    ("Gelu", "", "none"): "gelu",
    ("Gelu", CONTRIB, "none"): "gelu",
    ("Gelu", "", "tanh"): "gelu_tanh",
    ("Relu", "", "none"): "relu",
}
"""Operator, domain and `approximate` → the native operator's name of it. What is not here, and what
this module does not look for (norms before a layer, RMSNorm, gates, rotary positions, position
bias, local windows), makes a graph stay as it is."""


def find_layers(graph: ir.Graph) -> EncoderLayers:
    """All layers of a graph.

    Raises:
        MismatchError: a layer cannot be expressed, or they differ in what they must share.
    """
    nodes = list(graph)
    attentions = [at for at, node in enumerate(nodes) if node.op_type == "Softmax"]
    behind = nodes[attentions[-1] :] if attentions else []
    norms = [node for node in behind if node.op_type == "LayerNormalization"]
    if len(norms) < 2:
        raise MismatchError("its last layer has no attention between two LayerNormalization")
    last = norms[1].outputs[0]
    layers = [_layer(last)]
    while len(layers) < len(attentions):
        layers.append(_layer(layers[-1].hidden_states))
    found = EncoderLayers(layers=layers[::-1], last=last)
    _require_alike(found)
    return found


def _require_alike(found: EncoderLayers) -> None:
    first, *others = found.layers
    for layer in others:
        for name, value in layer.attributes().items():
            expected = first.attributes()[name]
            if value != expected:
                raise MismatchError(f"its layers differ in {name}: {expected} and {value}")
        if layer.attention.mask is not first.attention.mask:
            raise MismatchError("its layers have masks of different inputs")


def _layer(end: ir.Value) -> Layer:
    feed_forward_norm, joined = _norm(end)
    product, residual = _sum_with_product(joined)
    down, activated = match_product(product)
    activation, raised = _activation(activated)
    up, middle = match_product(raised)
    if middle is not residual:
        raise MismatchError(f"{named(joined)} adds another value than its feed-forward reads")
    attention_norm, joined = _norm(middle)
    product, hidden_states = _sum_with_product(joined)
    output, mixed = match_product(product)
    attention, attended = _attention(mixed)
    if attended is not hidden_states:
        raise MismatchError(f"{named(joined)} adds another value than its attention reads")
    if attention_norm.epsilon != feed_forward_norm.epsilon:
        raise MismatchError(f"{named(end)} has another epsilon than the norm before it")
    return Layer(
        hidden_states=hidden_states,
        attention=attention,
        output=output,
        up=up,
        down=down,
        activation=activation,
        attention_norm=attention_norm,
        feed_forward_norm=feed_forward_norm,
    )


def _norm(value: ir.Value | None) -> tuple[Norm, ir.Value]:
    """A norm over the last axis, and what it norms."""
    node = producer(value, "LayerNormalization")
    x, weight, bias = inputs_of(node, 3)
    if node.attributes.get_int("axis", -1) not in (-1, 2):
        raise MismatchError(f"{named(value)} norms another axis than the last")
    found = Norm(
        weight=constant(weight, 1),
        bias=None if bias is None else constant(bias, 1),
        epsilon=node.attributes.get_float("epsilon", 1e-5),
    )
    return found, required(x, node)


def _sum_with_product(value: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Of a sum the quantized product, and the other summand."""
    first, second = operands(producer(value, "Add"))
    for product, other in ((first, second), (second, first)):
        if is_product(product):
            return product, other
    raise MismatchError(f"{named(value)} does not add a quantized product")


def _activation(value: ir.Value) -> tuple[str, ir.Value]:
    """The name of an activation function, and what it is applied to."""
    node = value.producer()
    if node is None:
        raise MismatchError(f"{named(value)} comes from no activation function")
    kind = node.op_type, node.domain, node.attributes.get_string("approximate", "none")
    if kind not in ACTIVATIONS:
        known = ", ".join(sorted({*ACTIVATIONS.values()}))
        approximate = f" ({kind[2]})" if kind[2] != "none" else ""
        raise MismatchError(f"its activation is {kind[0]}{approximate}, expected {known}")
    return ACTIVATIONS[kind], required(node.inputs[0], node)


@dataclass(frozen=True)
class _Heads:
    """A value that is split into heads: the product it is, what that reads, and how many."""

    product: Product
    reads: ir.Value
    heads: int


def _attention(value: ir.Value) -> tuple[Attention, ir.Value]:
    """An attention over all tokens, and the hidden states that it reads."""
    reshape = producer(value, "Reshape")
    joined, shape = operands(reshape)
    if array_of(shape, 1).tolist() != [0, 0, -1]:
        raise MismatchError(f"{named(value)} does not consist of heads")
    weights, values = operands(producer(_transposed(joined, SPLIT), "MatMul"))
    softmax = producer(weights, "Softmax")
    if softmax.attributes.get_int("axis", -1) not in (-1, 3):
        raise MismatchError(f"{named(weights)} is not a Softmax over keys")
    mask, scaled = _masked(required(softmax.inputs[0], softmax))
    scores, factor = operands(producer(scaled, "Mul"))
    queries, turned = operands(producer(scores, "MatMul"))
    query, key, each = map(_heads, (queries, _transposed(turned, TURNED), values))
    if not (query.reads is key.reads is each.reads and query.heads == key.heads == each.heads):
        raise MismatchError(f"{named(value)} has queries, keys and values of several inputs")
    found = Attention(
        query=query.product,
        key=key.product,
        value=each.product,
        heads=query.heads,
        scale=float(array_of(factor, 0)),
        mask=mask,
    )
    return found, query.reads


def _heads(value: ir.Value) -> _Heads:
    reshape = producer(_transposed(value, SPLIT), "Reshape")
    whole, shape = operands(reshape)
    sizes = array_of(shape, 1).tolist()
    if len(sizes) != 4 or sizes[:2] != [0, 0] or sizes[2] < 1 or sizes[3] != -1:
        raise MismatchError(f"{named(value)} is not split into heads")
    product, reads = match_product(whole)
    return _Heads(product, reads, sizes[2])


def _masked(value: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The input with the mask of keys, and the scores before it."""
    node = producer(value, "Where")
    kept, scores, lowest = inputs_of(node, 3)
    if float(array_of(lowest, 0)) > UNDERFLOWS:
        raise MismatchError(f"{named(value)} keeps a part of tokens that do not count")
    over_keys, axes = operands(producer(kept, "Unsqueeze"))
    if array_of(axes, 1).tolist() != [1, 2]:
        raise MismatchError(f"{named(kept)} is not a mask of keys")
    cast = producer(over_keys, "Cast")
    mask = required(cast.inputs[0], cast)
    if mask.producer() is not None or mask.dtype != ir.DataType.INT64:
        raise MismatchError(f"{named(kept)} is not made of an int64 input alone")
    return mask, required(scores, node)


def _transposed(value: ir.Value, order: Sequence[int]) -> ir.Value:
    """What a Transpose reads."""
    node = producer(value, "Transpose")
    if tuple(node.attributes.get_ints("perm", ())) != tuple(order):
        raise MismatchError(f"{named(value)} has its axes in another order than {tuple(order)}")
    return required(node.inputs[0], node)
