"""Rewrite rules on the canonical graph, one idea a file, and their counts."""

from edgebert_export.fusions.additive_mask import AdditiveMask
from edgebert_export.fusions.attention import FuseAttention
from edgebert_export.fusions.attention_expansion import ExpandAttention
from edgebert_export.fusions.bias_gelu import FuseBiasGelu
from edgebert_export.fusions.mask import BroadcastMask
from edgebert_export.fusions.norm_expansion import ExpandNorm
from edgebert_export.fusions.packed_attention_expansion import ExpandPackedAttention
from edgebert_export.fusions.packed_projections import PackProjections
from edgebert_export.fusions.packed_projections_expansion import ExpandPackedProjections
from edgebert_export.fusions.projections import JoinProjections
from edgebert_export.fusions.reshape import ConstantReshape
from edgebert_export.fusions.rms_norm_expansion import ExpandRMSNorm
from edgebert_export.fusions.rotary_expansion import ExpandRotary
from edgebert_export.fusions.rule import Fusion, apply
from edgebert_export.fusions.skip_layer_norm import FuseSkipLayerNorm

__all__ = [
    "AdditiveMask",
    "BroadcastMask",
    "ConstantReshape",
    "ExpandAttention",
    "ExpandNorm",
    "ExpandPackedAttention",
    "ExpandPackedProjections",
    "ExpandRMSNorm",
    "ExpandRotary",
    "FuseAttention",
    "FuseBiasGelu",
    "FuseSkipLayerNorm",
    "Fusion",
    "JoinProjections",
    "PackProjections",
    "apply",
]
