"""Queries, keys and values apart again, in operators that a CPU has."""

from typing import Any, ClassVar

import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, attributes
from edgebert_runtime.engine.onnxruntime import CONTRIB


class ExpandPackedProjections(Fusion):
    """PackedMultiHeadAttention(rows, bias)  becomes  PackedMultiHeadAttention(q + b, k + b, v + b).

    The definition of the operator's packed form, undoing `PackProjections`, for a graph that a
    CPU runs.
    """

    title: ClassVar[str] = "packed_projections_expansion"

    def pattern(
        self, op: Any, rows: ir.Value, bias: ir.Value, offsets: ir.Value, cumulative: ir.Value
    ) -> ir.Value:
        packed: ir.Value = op.PackedMultiHeadAttention(
            rows,
            None,
            None,
            bias,
            offsets,
            cumulative,
            _domain=CONTRIB,
            _allow_other_attributes=True,
            _outputs=["packed"],
        )
        return packed

    def check(self, context: Any, **_: Any) -> MatchResult:
        del context
        return MatchResult()

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
        attended: ir.Value = op.PackedMultiHeadAttention(
            *added,
            None,
            offsets,
            cumulative,
            _domain=CONTRIB,
            _version=1,
            **attributes(packed),
        )
        return attended
