"""Match an attention: products, heads, scores with what positions change of them, and the mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from edgebert_quantize.graph.lowering import SPLIT
from edgebert_quantize.native.layers import Attention, PositionBias, Product, Rotary
from edgebert_quantize.native.positions import (
    match_bias,
    match_rotated,
    match_window,
    require_itself,
)
from edgebert_quantize.native.products import match_product
from edgebert_quantize.native.values import (
    MismatchError,
    array_of,
    in_order,
    inputs_of,
    is_made_by,
    named,
    number_of,
    operands,
    producer,
    required,
)

TURNED: Final = (0, 1, 3, 2)
"""Keys before the product with queries."""

UNDERFLOWS: Final = -1e30
"""A score at most this large has a weight of 0."""


def match_attention(value: ir.Value) -> tuple[Attention, ir.Value]:
    """An attention with its output product, and the hidden states that it reads.

    Raises:
        MismatchError: it is another attention than the operator has.
    """
    output, context = match_product(value)
    weights, values = operands(producer(_joined(context), "MatMul"))
    softmax = producer(weights, "Softmax")
    if softmax.attributes.get_int("axis", -1) not in (-1, 3):
        raise MismatchError(f"{named(weights)} is not a Softmax over keys")
    scaled, keep, bias = _scores(required(softmax.inputs[0], softmax))
    scores, factor = operands(producer(scaled, "Mul"))
    queries, turned = operands(producer(scores, "MatMul"))
    query, key = _heads(queries), _heads(_transposed(turned, TURNED))
    each = _heads(values)
    if not query.reads is key.reads is each.reads:
        raise MismatchError(f"{named(context)} has queries, keys and values of several inputs")
    if not query.heads == key.heads == each.heads or query.rotary != key.rotary or each.rotary:
        raise MismatchError(f"{named(context)} has heads of several kinds")
    mask, window = _keys(keep)
    found = Attention(
        query=query.product,
        key=key.product,
        value=each.product,
        output=output,
        heads=query.heads,
        scale=number_of(factor),
        mask=mask,
        window=window,
        rotary=query.rotary,
        bias=bias,
    )
    return found, query.reads


@dataclass(frozen=True)
class _Heads:
    """A value that is split into heads: the product it is, what that reads, how many, rotation."""

    product: Product
    reads: ir.Value
    heads: int
    rotary: Rotary | None


def _heads(value: ir.Value) -> _Heads:
    rotary, straight = match_rotated(value)
    reshape = producer(_transposed(straight, SPLIT), "Reshape")
    whole, shape = operands(reshape)
    sizes = array_of(shape, 1).tolist()
    if len(sizes) != 4 or sizes[:2] != [0, 0] or sizes[2] < 1:
        raise MismatchError(f"{named(value)} is not split into heads")
    product, reads = match_product(whole)
    return _Heads(product, reads, sizes[2], rotary)


def _joined(value: ir.Value) -> ir.Value:
    """Heads before they are put side by side."""
    joined, shape = operands(producer(value, "Reshape"))
    sizes = array_of(shape, 1).tolist()
    if len(sizes) != 3 or sizes[:2] != [0, 0]:
        raise MismatchError(f"{named(value)} does not consist of heads")
    return _transposed(joined, SPLIT)


def _scores(value: ir.Value) -> tuple[ir.Value, ir.Value, PositionBias | None]:
    """Scores before the mask, the pairs that count, and what is added to scores."""
    if is_made_by(value, "Add"):
        masked, scaled = in_order(
            producer(value, "Add"), lambda each: is_made_by(each, "Where"), "a bias with a mask"
        )
        keep, bias = _kept(masked)
        return scaled, keep, _bias(bias)
    keep, scaled = _kept(value)
    return scaled, keep, None


def _bias(value: ir.Value) -> PositionBias:
    try:
        return match_bias(value)
    except MismatchError as error:
        raise MismatchError(
            f"its attention adds to scores what is no number for each distance ({error})"
        ) from error


def _kept(value: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The pairs that count, and what counts of them."""
    node = producer(value, "Where")
    keep, kept, lowest = inputs_of(node, 3)
    if number_of(lowest) > UNDERFLOWS:
        raise MismatchError(f"{named(value)} keeps a part of tokens that do not count")
    return required(keep, node), required(kept, node)


def _keys(value: ir.Value) -> tuple[ir.Value, int]:
    """The input that says which keys count, and the window, 0 without one.

    That a token counts for itself changes nothing: what it gives is left out if it does not count.
    """
    if is_made_by(value, "Expand"):
        return _keys(operands(producer(value, "Expand"))[0])
    if is_made_by(value, "And"):
        limit, others = in_order(
            producer(value, "And"), lambda each: is_made_by(each, "LessOrEqual"), "a window"
        )
        mask, wider = _keys(others)
        if wider or not (window := match_window(limit)):
            raise MismatchError(f"{named(value)} is no single window of at least 1")
        return mask, window
    if is_made_by(value, "Or"):
        itself, others = in_order(
            producer(value, "Or"), lambda each: is_made_by(each, "Equal"), "tokens and themselves"
        )
        require_itself(itself)
        return _keys(others)
    return _mask(value), 0


def _mask(value: ir.Value) -> ir.Value:
    """The input that a mask of keys is made of."""
    over_keys, axes = operands(producer(value, "Unsqueeze"))
    if array_of(axes, 1).tolist() != [1, 2]:
        raise MismatchError(f"{named(value)} is not a mask of keys")
    cast = producer(over_keys, "Cast")
    mask = required(cast.inputs[0], cast)
    if mask.producer() is not None or mask.dtype != ir.DataType.INT64:
        raise MismatchError(f"{named(value)} is not made of an int64 input alone")
    return mask


def _transposed(value: ir.Value, order: Sequence[int]) -> ir.Value:
    """What a Transpose reads."""
    node = producer(value, "Transpose")
    if tuple(node.attributes.get_ints("perm", ())) != tuple(order):
        raise MismatchError(f"{named(value)} has its axes in another order than {tuple(order)}")
    return required(node.inputs[0], node)
