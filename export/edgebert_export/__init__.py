"""Trace a torch encoder to ONNX, fuse it for a target, verify it, and write a bundle."""

from edgebert_export._version import __version__
from edgebert_export.bundle.attention_variant import add_attention
from edgebert_export.bundle.write import BundleParts, export_bundle
from edgebert_export.spec import ExportSpec, InputSpec, OutputSpec
from edgebert_export.targets import TARGETS, Target
from edgebert_export.verification.parity import CaseResult, ParityReport, check_parity
from edgebert_runtime.engine.opsets import engine_limits

__all__ = [
    "TARGETS",
    "BundleParts",
    "CaseResult",
    "ExportSpec",
    "InputSpec",
    "OutputSpec",
    "ParityReport",
    "Target",
    "__version__",
    "add_attention",
    "check_parity",
    "engine_limits",
    "export_bundle",
]


def __dir__() -> list[str]:
    return sorted(__all__)
