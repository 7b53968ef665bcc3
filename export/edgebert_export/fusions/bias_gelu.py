"""A bias and its activation in one pass over memory."""

from typing import Any, ClassVar

import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion, attributes, constant
from edgebert_runtime.engine.onnxruntime import CONTRIB


class FuseBiasGelu(Fusion):
    """Gelu(x + bias)  becomes  BiasGelu(x, bias), or FastGelu where it is by tanh.

    Operators of ONNX Runtime's own (docs/ContribOperators.md there, com.microsoft), for CUDA.
    """

    title: ClassVar[str] = "bias_gelu"

    def pattern(self, op: Any, x: ir.Value, bias: ir.Value) -> ir.Value:
        active: ir.Value = op.Gelu(
            op.Add(x, bias), _allow_other_attributes=True, _outputs=["active"]
        )
        return active

    def check(self, context: Any, bias: ir.Value, active: ir.Value, **_: Any) -> MatchResult:
        del context
        found = constant(bias)
        if found is None or found.ndim != 1:
            return self.refuse("the added value is not a bias", active)
        return MatchResult()

    def rewrite(self, op: Any, x: ir.Value, bias: ir.Value, active: ir.Value) -> ir.Value:
        approximate = attributes(active).get("approximate")
        by_tanh = approximate is not None and approximate.as_string() == "tanh"
        operator = op.FastGelu if by_tanh else op.BiasGelu
        fused: ir.Value = operator(x, bias, _domain=CONTRIB, _version=1)
        return fused
