"""A mask that is added to the scores, once for all layers."""

from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import attributes
from edgebert_export.fusions.traced_attention import LOWEST, AttentionRule


class AdditiveMask(AttentionRule):
    """Attention(q, k, v, keep)  becomes  Attention(q, k, v, Where(keep, 0, lowest)).

    ONNX Runtime's CUDA kernels add a mask to the scores and turn a bool one into such numbers in
    every layer; this does it once. Lowest is finite, so a row without tokens is, too.
    """

    title: ClassVar[str] = "additive_mask"

    def check(self, context: Any, mask: ir.Value, **_: Any) -> MatchResult:
        del context
        if mask.dtype != ir.DataType.BOOL:
            return MatchResult().fail("the mask is additive already")
        return MatchResult()

    def rewrite(
        self,
        op: Any,
        query: ir.Value,
        key: ir.Value,
        value: ir.Value,
        mask: ir.Value,
        mixed: ir.Value,
    ) -> ir.Value:
        zero = op.Constant(value=ir.tensor(np.float32(0)))
        lowest = op.Constant(value=ir.tensor(np.float32(LOWEST)))
        added = op.Where(mask, zero, lowest)
        masked: ir.Value = op.Attention(query, key, value, added, **attributes(mixed))
        return masked
