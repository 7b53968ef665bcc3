"""A vector's length without cuDNN."""

from typing import Any, ClassVar

import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, attributes, constant


class ExpandNorm(Fusion):
    """ReduceL2(x) along the last axis  becomes  Sqrt(ReduceSumSquare(x)).

    That is its definition (https://onnx.ai/onnx/operators/onnx__ReduceL2.html). ONNX Runtime's
    CUDA provider has a kernel of its own for the square, and none for the length: it would load
    cuDNN for this one operator, a gigabyte that nothing else in an encoder needs.
    """

    title: ClassVar[str] = "norm_expansion"

    def pattern(self, op: Any, x: ir.Value, axes: ir.Value) -> ir.Value:
        length: ir.Value = op.ReduceL2(x, axes, _allow_other_attributes=True, _outputs=["length"])
        return length

    def check(self, context: Any, x: ir.Value, axes: ir.Value, **_: Any) -> MatchResult:
        del context
        along = constant(axes)
        rank = None if x.shape is None else len(x.shape)
        if along is None or rank is None or [axis % rank for axis in along] != [rank - 1]:
            return MatchResult().fail("not along the last axis")
        return MatchResult()

    def rewrite(self, op: Any, x: ir.Value, axes: ir.Value, length: ir.Value) -> ir.Value:
        root: ir.Value = op.Sqrt(op.ReduceSumSquare(x, axes, **attributes(length)))
        return root
