"""A mask that is added to the scores, once for all layers."""

from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.traced_attention import LOWEST, MaskRule


class AdditiveMask(MaskRule):
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

    def new_mask(self, op: Any, query: ir.Value, mask: ir.Value) -> ir.Value:
        del query
        zero = op.Constant(value=ir.tensor(np.float32(0)))
        lowest = op.Constant(value=ir.tensor(np.float32(LOWEST)))
        added: ir.Value = op.Where(mask, zero, lowest)
        added.shape, added.dtype = mask.shape, ir.DataType.FLOAT  # BroadcastMask asks for them
        return added
