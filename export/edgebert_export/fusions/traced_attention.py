"""What the rules over one traced attention share."""

from abc import abstractmethod
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from edgebert_export.fusions.rule import Fusion, attributes

LOWEST: Final = float(np.finfo(np.float32).min)
"""Score of a dropped key: exp underflows to 0, and a row of nothing else stays finite."""


class AttentionRule(Fusion):
    """A rule that matches any Attention with a mask; `mixed` is what it gives."""

    def pattern(
        self, op: Any, query: ir.Value, key: ir.Value, value: ir.Value, mask: ir.Value
    ) -> ir.Value:
        mixed: ir.Value = op.Attention(
            query, key, value, mask, _allow_other_attributes=True, _outputs=["mixed"]
        )
        return mixed


class MaskRule(AttentionRule):
    """A rule that gives such an Attention another mask."""

    @abstractmethod
    def new_mask(self, op: Any, query: ir.Value, mask: ir.Value) -> ir.Value:
        """Draw the other mask."""

    def rewrite(
        self,
        op: Any,
        query: ir.Value,
        key: ir.Value,
        value: ir.Value,
        mask: ir.Value,
        mixed: ir.Value,
    ) -> ir.Value:
        chosen = self.new_mask(op, query, mask)
        masked: ir.Value = op.Attention(query, key, value, chosen, **attributes(mixed))
        return masked
