"""Match a block: what it makes of its input is added to it, with a norm behind or before."""

from collections.abc import Callable
from typing import Final, TypeVar

import onnx_ir as ir

from edgebert_quantize.native.layers import Norm
from edgebert_quantize.native.norms import is_norm, match_norm
from edgebert_quantize.native.products import is_product
from edgebert_quantize.native.values import (
    MismatchError,
    is_constant,
    named,
    operands,
    producer,
    residual_first,
)

POST: Final = "post"
"""norm(x + block(x))"""

PRE: Final = "pre"
"""x + block(norm(x))"""

Part = TypeVar("Part")
Inner = Callable[[ir.Value], tuple[Part, ir.Value]]
"""Matches what a block makes: from a value to its parts, and to what they read."""


def is_sum(node: ir.Node) -> bool:
    """Whether a node may add a block to its input."""
    if (node.op_type, node.domain) != ("Add", "") or is_product(node.outputs[0]):
        return False
    return not any(map(is_constant, operands(node)))


def place_of_norms(joined: ir.Value) -> str:
    """Whether norms are behind a sum of a second block, or before the block."""
    residual, _ = residual_first(producer(joined, "Add"))
    return POST if is_norm(residual) else PRE


def match_block(
    end: ir.Value, place: str, inner: Inner[Part]
) -> tuple[Part, Norm | None, ir.Value]:
    """A block, its norm, and what it reads.

    Args:
        end: what it gives, its norm included.
        place: of norms.
        inner: matches what is added.

    Returns:
        without a norm where a block with norms before it reads what it is added to

    Raises:
        MismatchError: it is another block than the operator has.
    """
    norm, joined = match_norm(end) if place == POST else (None, end)
    residual, made = residual_first(producer(joined, "Add"))
    part, reads = inner(made)
    if place == PRE and reads is not residual:
        norm, reads = match_norm(reads)
    if reads is not residual:
        raise MismatchError(f"{named(joined)} adds another value than what it is added to reads")
    return part, norm, residual
