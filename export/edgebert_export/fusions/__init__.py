"""Rewrite rules on the canonical graph, one idea a file, and their counts."""

from edgebert_export.fusions.attention import FuseAttention
from edgebert_export.fusions.attention_expansion import ExpandAttention
from edgebert_export.fusions.mask import BroadcastMask
from edgebert_export.fusions.reshape import ConstantReshape
from edgebert_export.fusions.rotary_expansion import ExpandRotary
from edgebert_export.fusions.rule import Fusion, apply

__all__ = [
    "BroadcastMask",
    "ConstantReshape",
    "ExpandAttention",
    "ExpandRotary",
    "FuseAttention",
    "Fusion",
    "apply",
]
