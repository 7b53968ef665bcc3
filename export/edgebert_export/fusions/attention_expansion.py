"""Attention in the operators every engine has."""

import math
from typing import Any, ClassVar, Final

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult

from edgebert_export.fusions.rule import attributes
from edgebert_export.fusions.traced_attention import LOWEST, AttentionRule

UNUSUAL: Final = ("is_causal", "softcap", "q_num_heads")
"""Attributes of what the expansion does not compute; the last marks the 3D form."""


class ExpandAttention(AttentionRule):
    """Attention(q, k, v, keep)  becomes  Softmax(Where(keep, q kᵀ / √d, lowest)) v.

    The definition of the operator (Vaswani et al. 2017, equation 1) for a bool mask; a float one
    is added to the scores. Both broadcast, so an Expand in front of the mask goes.
    """

    title: ClassVar[str] = "attention_expansion"

    def check(
        self, context: Any, query: ir.Value, mask: ir.Value, mixed: ir.Value, **_: Any
    ) -> MatchResult:
        del context
        if mask.dtype not in (ir.DataType.BOOL, ir.DataType.FLOAT):
            return self.refuse(f"the mask is {mask.dtype}, expected bool or float", mixed)
        if _scale(query, mixed) is None:
            return self.refuse(f"the scale is unknown for queries of shape {query.shape}", mixed)
        unusual = [name for name in UNUSUAL if _is_set(attributes(mixed).get(name))]
        if unusual:
            return self.refuse(f"{', '.join(unusual)} set", mixed)
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
        scores = op.MatMul(query, op.Transpose(key, perm=(0, 1, 3, 2)))
        scaled = op.Mul(scores, op.Constant(value=ir.tensor(np.float32(_scale(query, mixed)))))
        weights = op.Softmax(_masked(op, scaled, mask), axis=-1)
        expanded: ir.Value = op.MatMul(weights, value)
        return expanded


def _masked(op: Any, scores: ir.Value, mask: ir.Value) -> ir.Value:
    before = _before_expand(mask)
    lowest = op.Constant(value=ir.tensor(np.float32(LOWEST)))
    if mask.dtype == ir.DataType.FLOAT:  # which may be −∞ along a whole row
        added: ir.Value = op.Add(scores, op.Max(before, lowest))
        return added
    chosen: ir.Value = op.Where(before, scores, lowest)
    return chosen


def _scale(query: ir.Value, mixed: ir.Value) -> float | None:
    """What scores are multiplied by; one over the root of the head dimension unless given."""
    given = attributes(mixed).get("scale")
    if given is not None:
        return given.as_float()
    last = query.shape[3] if query.shape is not None and len(query.shape) == 4 else None
    return 1 / math.sqrt(last) if isinstance(last, int) else None


def _is_set(attribute: ir.Attr | None) -> bool:
    return attribute is not None and bool(attribute.value)


def _before_expand(mask: ir.Value) -> ir.Value:
    node = mask.producer()
    if node is not None and node.op_type == "Expand" and node.inputs[0] is not None:
        return node.inputs[0]
    return mask
