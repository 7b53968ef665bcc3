"""One attention node a layer, on (batch, sequence, hidden)."""

from typing import Any, ClassVar

import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, attributes, constant

SPLIT_HEADS = (0, 2, 1, 3)


class FuseAttention(Fusion):
    """Attention over split heads becomes Attention that splits them itself.

        q ─ Reshape ─ Transpose ─┐                             q ─┐
        k ─ Reshape ─ Transpose ─┼ Attention ─ Transpose ─     k ─┼ Attention(heads) ─
        v ─ Reshape ─ Transpose ─┘             └─ Reshape      v ─┘

    The 3D form of opset 23 (https://onnx.ai/onnx/operators/onnx__Attention.html). ONNX Runtime
    rejects a (batch, 1, 1, sequence) mask, so the traced Expand stays.
    """

    title: ClassVar[str] = "attention"

    def pattern(
        self,
        op: Any,
        query: ir.Value,
        key: ir.Value,
        value: ir.Value,
        mask: ir.Value,
        query_shape: ir.Value,
        key_shape: ir.Value,
        value_shape: ir.Value,
        joined_shape: ir.Value,
    ) -> ir.Value:
        split_query = op.Transpose(op.Reshape(query, query_shape), perm=SPLIT_HEADS)
        split_key = op.Transpose(op.Reshape(key, key_shape), perm=SPLIT_HEADS)
        split_value = op.Transpose(op.Reshape(value, value_shape), perm=SPLIT_HEADS)
        mixed = op.Attention(
            split_query,
            split_key,
            split_value,
            mask,
            _allow_other_attributes=True,
            _outputs=["mixed"],
        )
        joined: ir.Value = op.Reshape(op.Transpose(mixed, perm=SPLIT_HEADS), joined_shape)
        return joined

    def check(
        self,
        context: Any,
        query_shape: ir.Value,
        key_shape: ir.Value,
        value_shape: ir.Value,
        joined_shape: ir.Value,
        mixed: ir.Value,
        **_: Any,
    ) -> MatchResult:
        del context
        for shape in (query_shape, key_shape, value_shape):
            if not _splits_heads(constant(shape)):
                return self.refuse(f"heads are split by {constant(shape)}, not [0, 0, h, d]", mixed)
        if len({int(constant(shape)[2]) for shape in (key_shape, value_shape)}) != 1:
            return self.refuse("keys and values have different numbers of heads", mixed)
        width = constant(value_shape)[3] * constant(query_shape)[2]
        joined = constant(joined_shape)
        if joined is None or list(joined[:2]) != [0, 0] or joined[2] not in (-1, width):
            return self.refuse(f"heads are joined by {joined}, not [0, 0, {width}]", mixed)
        return MatchResult()

    def rewrite(
        self,
        op: Any,
        query: ir.Value,
        key: ir.Value,
        value: ir.Value,
        mask: ir.Value,
        query_shape: ir.Value,
        key_shape: ir.Value,
        mixed: ir.Value,
        **_: Any,
    ) -> ir.Value:
        heads = {
            "q_num_heads": int(constant(query_shape)[2]),
            "kv_num_heads": int(constant(key_shape)[2]),
        }
        fused: ir.Value = op.Attention(query, key, value, mask, **{**attributes(mixed), **heads})
        return fused


def _splits_heads(shape: Any) -> bool:
    return (
        shape is not None and len(shape) == 4 and list(shape[:2]) == [0, 0] and min(shape[2:]) > 0
    )
