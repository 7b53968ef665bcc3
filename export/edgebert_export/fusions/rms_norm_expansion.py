"""RMSNorm in the operators every engine has."""

from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, attributes

USUAL_EPSILON = 1e-5


class ExpandRMSNorm(Fusion):
    """RMSNormalization(x, scale)  becomes  x / Sqrt(ReduceMean(Pow(x, 2)) + epsilon) * scale.

    The definition of the operator (https://onnx.ai/onnx/operators/onnx__RMSNormalization.html),
    which is new in opset 23. ONNX Runtime turns this form into one node of its own for CPU and
    CUDA (SimplifiedLayerNormFusion).
    """

    title: ClassVar[str] = "rms_norm_expansion"

    def pattern(self, op: Any, x: ir.Value, scale: ir.Value) -> ir.Value:
        normal: ir.Value = op.RMSNormalization(
            x, scale, _allow_other_attributes=True, _outputs=["normal"]
        )
        return normal

    def check(self, context: Any, x: ir.Value, normal: ir.Value, **_: Any) -> MatchResult:
        del context
        if x.shape is None or x.dtype != ir.DataType.FLOAT:
            return self.refuse(f"x of type {x.dtype} and shape {x.shape}", normal)
        return MatchResult()

    def rewrite(self, op: Any, x: ir.Value, scale: ir.Value, normal: ir.Value) -> ir.Value:
        settings = attributes(normal)
        epsilon = settings["epsilon"].as_float() if "epsilon" in settings else USUAL_EPSILON
        rank = len(x.shape or ())
        first = settings["axis"].as_int() % rank if "axis" in settings else rank - 1
        axes = _constant(op, np.arange(first, rank, dtype=np.int64))
        squares = op.Pow(x, _constant(op, np.float32(2)))
        mean = op.ReduceMean(squares, axes, keepdims=1)
        root = op.Sqrt(op.Add(mean, _constant(op, np.float32(epsilon))))
        normalized: ir.Value = op.Mul(op.Div(x, root), scale)
        return normalized


def _constant(op: Any, values: Any) -> Any:
    return op.Constant(value=ir.tensor(np.asarray(values)))
