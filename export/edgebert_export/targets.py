"""The targets, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from edgebert_export.fusions import (
    AdditiveMask,
    BroadcastMask,
    ConstantReshape,
    ExpandAttention,
    ExpandNorm,
    ExpandPackedAttention,
    ExpandPackedProjections,
    ExpandRMSNorm,
    ExpandRotary,
    FuseAttention,
    FuseBiasGelu,
    FuseSkipLayerNorm,
    Fusion,
    JoinProjections,
    PackProjections,
)
from edgebert_runtime.engine.opsets import OLDEST_ENGINE
from edgebert_runtime.engine.providers import KnownProvider

TargetName = Literal["cpu", "cuda", "portable"]
"""What an export can be asked for."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One kind of graph.

    Attributes:
        name: as the user asks for it and the manifest says it.
        file: where its fp32 graph lies in a bundle.
        rules: rewrite rules, in order.
        fused_attention: whether every layer has one attention node, or none has.
        min_onnxruntime: the oldest version that runs it.
        unpadded: whether padding is taken out after the rules; not every graph can do without.
        fused: rewrite rules after that.
        needs: the only provider that runs it; None, any.
        runnable_rules: rewrite rules that make its runnable equivalent.
    """

    name: str
    file: str
    rules: tuple[type[Fusion], ...]
    fused_attention: bool
    min_onnxruntime: str
    unpadded: bool = False
    fused: tuple[type[Fusion], ...] = ()
    needs: KnownProvider | None = None
    runnable_rules: tuple[type[Fusion], ...] = ()

    def required(self, promised: Mapping[str, int]) -> dict[str, int]:
        """Fusion → count the finished graph must have."""
        return {**promised, "attention": promised["attention"] if self.fused_attention else 0}


ON_CUDA: Final = (
    ConstantReshape,
    AdditiveMask,
    BroadcastMask,
    ExpandNorm,
    ExpandRotary,
    FuseAttention,
    JoinProjections,
)
FUSED_ON_CUDA: Final = (ExpandRMSNorm, FuseSkipLayerNorm, FuseBiasGelu)
CUDA_ENGINE: Final = "1.25.0"
"""The first whose CUDA provider has kernels for Attention; 1.24 has some that take no mask."""

TARGETS: Final[Mapping[str, Target]] = {
    "portable": Target(
        name="portable",
        file="onnx/model.onnx",
        rules=(ConstantReshape, ExpandAttention, ExpandNorm, ExpandRMSNorm, ExpandRotary),
        fused_attention=False,
        min_onnxruntime=OLDEST_ENGINE,
    ),
    "cpu": Target(
        name="cpu",
        file="onnx/model_cpu.onnx",
        rules=(ConstantReshape, BroadcastMask, ExpandRMSNorm, ExpandRotary, FuseAttention),
        fused_attention=True,
        min_onnxruntime="1.23.0",
    ),
    "cuda": Target(
        name="cuda",
        file="onnx/model_cuda.onnx",
        rules=ON_CUDA,
        fused=FUSED_ON_CUDA,
        fused_attention=True,
        min_onnxruntime=CUDA_ENGINE,
    ),
    "cuda-packed": Target(
        name="cuda-packed",
        file="onnx/model_cuda_packed.onnx",
        rules=ON_CUDA,
        unpadded=True,
        fused=(PackProjections, *FUSED_ON_CUDA),
        fused_attention=True,
        min_onnxruntime=CUDA_ENGINE,
        needs="cuda",
        runnable_rules=(ExpandPackedProjections, ExpandPackedAttention),
    ),
}

DEFAULT_TARGETS: Final[Mapping[TargetName, tuple[str, ...]]] = {
    "cpu": ("portable", "cpu"),
    "cuda": ("portable", "cuda", "cuda-packed"),
    "portable": ("portable",),
}
"""Target as the user asks for it → what is made for it."""
