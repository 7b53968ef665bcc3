"""Queries, keys and values that attention reads as one product left them."""

from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import (
    Fusion,
    attributes,
    constant,
    match_packed_attention,
    packed_attention,
)


class PackProjections(Fusion):
    """PackedMultiHeadAttention(Split(x W + b))  becomes  PackedMultiHeadAttention(x W, b).

    The packed form of the operator (docs/ContribOperators.md of ONNX Runtime, com.microsoft): the
    product as (tokens, heads, 3, head dimension), and a bias of queries, keys and values, one
    after the other. One pass over memory adds the bias and parts the three; there were two.
    """

    title: ClassVar[str] = "packed_projections"

    def pattern(
        self,
        op: Any,
        x: ir.Value,
        weight: ir.Value,
        bias: ir.Value,
        shape: ir.Value,
        whole: ir.Value,
        first: ir.Value,
        offsets: ir.Value,
        cumulative: ir.Value,
    ) -> ir.Value:
        joined = op.Reshape(op.Add(op.MatMul(x, weight), bias), shape)
        parts = op.Split(joined, axis=3, num_outputs=3, _outputs=3)
        three = (op.Squeeze(op.Reshape(part, whole), first) for part in parts)
        return match_packed_attention(op, *three, None, offsets, cumulative)

    def check(
        self, context: Any, bias: ir.Value, shape: ir.Value, packed: ir.Value, **_: Any
    ) -> MatchResult:
        del context
        heads = attributes(packed)["num_heads"].as_int()
        added, split = constant(bias), constant(shape)
        if added is None or added.ndim != 1 or added.size % (3 * heads):
            return self.refuse("the added value is not a bias of queries, keys and values", packed)
        if split is None or list(split[:-1]) != [0, 0, heads, 3]:
            return self.refuse(f"queries, keys and values are split as {split}", packed)
        return MatchResult()

    def rewrite(
        self,
        op: Any,
        x: ir.Value,
        weight: ir.Value,
        bias: ir.Value,
        offsets: ir.Value,
        cumulative: ir.Value,
        packed: ir.Value,
        **_: Any,
    ) -> ir.Value:
        heads = attributes(packed)["num_heads"].as_int()
        added = constant(bias)
        width = added.size // (3 * heads)
        in_turn = np.ascontiguousarray(added.reshape(heads, 3, width).swapaxes(0, 1)).reshape(-1)
        rows = op.Reshape(op.MatMul(x, weight), op.Constant(value_ints=[-1, heads, 3, width]))
        own = op.initializer(ir.tensor(in_turn), name=f"{packed.name}_bias")
        return packed_attention(op, rows, None, None, own, offsets, cumulative, like=packed)
