"""Attention over tokens without padding, in operators that a CPU has."""

from typing import Any, ClassVar

import onnx_ir as ir

from edgebert_export.fusions.rule import Fusion, attributes, match_packed_attention


class ExpandPackedAttention(Fusion):
    """PackedMultiHeadAttention  becomes  Attention over all tokens, each within its own text.

    The definition of the operator (docs/ContribOperators.md of ONNX Runtime, com.microsoft): text
    i has the tokens from cumulative[i] to cumulative[i + 1]. It makes the graph that a CPU runs:
    slow, for its mask is (tokens, tokens).
    """

    title: ClassVar[str] = "packed_attention_expansion"

    def pattern(
        self,
        op: Any,
        query: ir.Value,
        key: ir.Value,
        value: ir.Value,
        offsets: ir.Value,
        cumulative: ir.Value,
    ) -> ir.Value:
        return match_packed_attention(op, query, key, value, None, offsets, cumulative)

    def rewrite(
        self,
        op: Any,
        query: ir.Value,
        key: ir.Value,
        value: ir.Value,
        cumulative: ir.Value,
        packed: ir.Value,
        **_: Any,
    ) -> ir.Value:
        leading, behind = op.Constant(value_ints=[0]), op.Constant(value_ints=[1])
        heads = attributes(packed)["num_heads"].as_int()
        text = _text_of_each_token(op, query, cumulative)
        same = op.Equal(op.Unsqueeze(text, behind), op.Unsqueeze(text, leading))
        attended = op.Attention(
            *(op.Unsqueeze(part, leading) for part in (query, key, value)),
            same,
            q_num_heads=heads,
            kv_num_heads=heads,
            scale=attributes(packed)["scale"],
        )
        expanded: ir.Value = op.Squeeze(attended, leading)
        return expanded


def _text_of_each_token(op: Any, query: ir.Value, cumulative: ir.Value) -> ir.Value:
    """(tokens,): how many texts have ended before each."""
    first, axis = op.Constant(value_ints=[1]), op.Constant(value_ints=[0])
    ends = op.Slice(cumulative, first, op.Constant(value_ints=[2**31 - 1]), axis)
    count = op.Squeeze(op.Shape(query, start=0, end=1), axis)
    zero, step = op.Constant(value_int=0), op.Constant(value_int=1)
    tokens = op.Range(zero, count, step)
    ended = op.LessOrEqual(
        op.Unsqueeze(op.Cast(ends, to=ir.DataType.INT64), first), op.Unsqueeze(tokens, axis)
    )
    text: ir.Value = op.ReduceSum(op.Cast(ended, to=ir.DataType.INT64), axis, keepdims=0)
    return text
