"""Residual addition and normalization in one pass over memory."""

from typing import Any, ClassVar

import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, attributes, constant
from edgebert_runtime.engine.onnxruntime import CONTRIB


class FuseSkipLayerNorm(Fusion):
    """LayerNormalization(x + bias + skip)  becomes  SkipLayerNormalization(x, skip, bias).

    An operator of ONNX Runtime's own (docs/ContribOperators.md there, com.microsoft), for CUDA:
    on its CPU provider it is slower than what it replaces (docs/decisions/0003). Both operands
    must have one shape, and the sum must be used nowhere else.
    """

    title: ClassVar[str] = "skip_layer_norm"

    def pattern(
        self, op: Any, first: ir.Value, second: ir.Value, scale: ir.Value, shift: ir.Value
    ) -> ir.Value:
        normal: ir.Value = op.LayerNormalization(
            op.Add(first, second), scale, shift, _allow_other_attributes=True, _outputs=["normal"]
        )
        return normal

    def check(
        self, context: Any, first: ir.Value, second: ir.Value, normal: ir.Value, **_: Any
    ) -> MatchResult:
        del context
        if first.shape is None or second.shape is None or first.shape != second.shape:
            return self.refuse(f"{first.shape} and {second.shape} are added", normal)
        if len(first.shape) != 3 or _axis(normal) not in (-1, 2):
            return self.refuse(f"{first.shape} is normalized over axis {_axis(normal)}", normal)
        return MatchResult()

    def rewrite(
        self,
        op: Any,
        first: ir.Value,
        second: ir.Value,
        scale: ir.Value,
        shift: ir.Value,
        normal: ir.Value,
    ) -> ir.Value:
        skip, summed = (first, second) if _biased(second) else (second, first)
        x, *bias = _biased(summed) or (summed,)
        epsilon = attributes(normal)["epsilon"]
        fused: ir.Value = op.SkipLayerNormalization(
            x, skip, scale, shift, *bias, epsilon=epsilon, _domain=CONTRIB, _version=1
        )
        return fused


def _biased(value: ir.Value) -> tuple[ir.Value, ir.Value] | None:
    """What a value is the sum of, if that is something and a bias, and nobody else reads it."""
    node = value.producer()
    if node is None or node.op_type != "Add" or len(value.uses()) != 1:
        return None
    x, bias = node.inputs
    found = constant(bias)
    return (x, bias) if x is not None and bias is not None and _is_vector(found) else None


def _is_vector(found: Any) -> bool:
    return found is not None and found.ndim == 1


def _axis(normal: ir.Value) -> int:
    axis = attributes(normal).get("axis")
    return -1 if axis is None else axis.as_int()
