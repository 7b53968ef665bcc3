"""Rotary positions in the operators every engine has."""

from typing import Any, ClassVar, Final

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import Fusion

UNUSUAL: Final = ("interleaved", "rotary_embedding_dim")
"""Attributes of what the expansion does not compute; `num_heads` says nothing of four axes."""


class ExpandRotary(Fusion):
    """RotaryEmbedding(x, cos, sin)  becomes  Concat(a·cos − b·sin, b·cos + a·sin), x = [a, b].

    The definition of the operator (https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html) for
    (batch, heads, sequence, d) and angles of (batch, sequence, d / 2). torch's exporter writes
    it for modules that turn their queries and keys as transformers' do, with angles of one text
    for the whole batch, which ONNX Runtime 1.31 rejects.
    """

    title: ClassVar[str] = "rotary_expansion"

    def pattern(self, op: Any, x: ir.Value, cosines: ir.Value, sines: ir.Value) -> ir.Value:
        turned: ir.Value = op.RotaryEmbedding(
            x, cosines, sines, _allow_other_attributes=True, _outputs=["turned"]
        )
        return turned

    def check(self, context: Any, x: ir.Value, turned: ir.Value, **_: Any) -> MatchResult:
        del context
        node = turned.producer()
        attributes = {} if node is None else node.attributes
        unusual = [name for name in UNUSUAL if name in attributes and attributes[name].value]
        if unusual:
            return self.refuse(f"{', '.join(unusual)} set", turned)
        if x.shape is None or len(x.shape) != 4:
            return self.refuse(f"x of shape {x.shape}, expected four axes", turned)
        return MatchResult()

    def rewrite(
        self, op: Any, x: ir.Value, cosines: ir.Value, sines: ir.Value, **_: Any
    ) -> ir.Value:
        axis = op.Constant(value=ir.tensor(np.array([1], dtype=np.int64)))
        cosine, sine = op.Unsqueeze(cosines, axis), op.Unsqueeze(sines, axis)
        first, second = op.Split(x, axis=3, num_outputs=2, _outputs=2)
        turned: ir.Value = op.Concat(
            op.Sub(op.Mul(first, cosine), op.Mul(second, sine)),
            op.Add(op.Mul(second, cosine), op.Mul(first, sine)),
            axis=-1,
        )
        return turned
