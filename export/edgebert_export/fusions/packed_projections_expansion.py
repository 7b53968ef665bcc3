"""Queries, keys and values apart again, in operators that a CPU has."""

from typing import Any, ClassVar

import onnx_ir as ir

from edgebert_export.fusions.rule import Fusion, match_packed_attention, packed_attention


class ExpandPackedProjections(Fusion):
    """PackedMultiHeadAttention(rows, bias)  becomes  PackedMultiHeadAttention(q + b, k + b, v + b).

    The definition of the operator's packed form, undoing `PackProjections`, for a graph that a
    CPU runs.
    """

    title: ClassVar[str] = "packed_projections_expansion"

    def pattern(
        self, op: Any, rows: ir.Value, bias: ir.Value, offsets: ir.Value, cumulative: ir.Value
    ) -> ir.Value:
        return match_packed_attention(op, rows, None, None, bias, offsets, cumulative)

    def rewrite(
        self,
        op: Any,
        rows: ir.Value,
        bias: ir.Value,
        offsets: ir.Value,
        cumulative: ir.Value,
        packed: ir.Value,
    ) -> ir.Value:
        flat = op.Constant(value_ints=[0, -1])
        parts = op.Split(rows, axis=2, num_outputs=3, _outputs=3)
        biases = op.Split(bias, axis=0, num_outputs=3, _outputs=3)
        added = [
            op.Add(op.Reshape(part, flat), own) for part, own in zip(parts, biases, strict=True)
        ]
        return packed_attention(op, *added, None, offsets, cumulative, like=packed)
