"""Reshape by numbers instead of by arithmetic on shapes."""

from typing import Any, ClassVar

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, constant


class ConstantReshape(Fusion):
    """Reshape(x, Concat(Shape(x)…, 12, 32))  becomes  Reshape(x, [0, 0, 12, 32]).

    A 0 copies the input's dimension (https://onnx.ai/onnx/operators/onnx__Reshape.html), so a
    shape whose symbolic dimensions stay in place needs no arithmetic when the graph runs.
    """

    title: ClassVar[str] = "constant_reshape"

    def pattern(self, op: Any, x: ir.Value, shape: ir.Value) -> ir.Value:
        reshaped: ir.Value = op.Reshape(
            x, shape, _outputs=["reshaped"], _allow_other_attributes=True
        )
        return reshaped

    def check(self, context: Any, x: ir.Value, shape: ir.Value, reshaped: ir.Value) -> MatchResult:
        del context
        if constant(shape) is not None:
            return MatchResult().fail("the shape is constant already")
        if target_shape(x, reshaped) is None:
            return self.refuse(f"{x.shape} to {reshaped.shape} needs arithmetic", reshaped)
        return MatchResult()

    def rewrite(self, op: Any, x: ir.Value, shape: ir.Value, reshaped: ir.Value) -> ir.Value:
        del shape
        target = np.array(target_shape(x, reshaped), dtype=np.int64)
        rewritten: ir.Value = op.Reshape(x, op.Constant(value=ir.tensor(target)))
        return rewritten


def target_shape(x: ir.Value, reshaped: ir.Value) -> list[int] | None:
    """The constant shape that does the same, or None where there is none."""
    if x.shape is None or reshaped.shape is None:
        return None
    target: list[int] = []
    for axis, dimension in enumerate(reshaped.shape):
        if isinstance(dimension, int):
            target.append(dimension)
        elif axis < len(x.shape) and dimension == x.shape[axis]:
            target.append(0)
        else:
            target.append(-1)
    return target if target.count(-1) <= 1 and 0 not in list(reshaped.shape) else None
