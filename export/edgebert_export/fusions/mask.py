"""A mask as ONNX Runtime's Attention takes it."""

from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.traced_attention import LOWEST, MaskRule


class BroadcastMask(MaskRule):
    """Attention(q, k, v, mask of one row)  becomes  Attention(q, k, v, Expand(mask)).

    The operator's specification lets a (batch, 1, 1, sequence) mask broadcast over queries
    (https://onnx.ai/onnx/operators/onnx__Attention.html); ONNX Runtime 1.31 rejects it. Scores of
    −∞ become the lowest finite one on the way, so that a row of nothing else stays finite.
    """

    title: ClassVar[str] = "mask_broadcast"

    def check(
        self, context: Any, query: ir.Value, mask: ir.Value, mixed: ir.Value, **_: Any
    ) -> MatchResult:
        del context, mixed
        if mask.shape is None or len(mask.shape) != 4 or mask.shape[2] != 1:
            return MatchResult().fail("the mask has a row for each query")
        if query.shape is None or len(query.shape) != 4:
            return MatchResult().fail("queries are not split into heads")
        return MatchResult()

    def new_mask(self, op: Any, query: ir.Value, mask: ir.Value) -> ir.Value:
        one = op.Constant(value=ir.tensor(np.array([1], dtype=np.int64)))
        # a query that is read once can still be fused with the split into heads
        queries, keys = query.shape or (None,) * 4, mask.shape or (None,) * 4
        alike = queries[2] == keys[3]
        rows = op.Shape(mask, start=3, end=4) if alike else op.Shape(query, start=2, end=3)
        shape = op.Concat(one, one, rows, one, axis=0)
        finite = mask
        if mask.dtype == ir.DataType.FLOAT:
            finite = op.Max(mask, op.Constant(value=ir.tensor(np.float32(LOWEST))))
        expanded: ir.Value = op.Expand(finite, shape)
        return expanded
