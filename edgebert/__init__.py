"""Take a torch text encoder to production on any device: verified, small and fast.

    import edgebert

    bundle = edgebert.export("path/to/checkpoint", "my-model/")
    edgebert.quantize(bundle, recipe="int8")
    assert edgebert.verify(bundle, against="path/to/checkpoint").passed

Importing this module loads no torch; calling `export` or `verify`, or naming `train`, does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from edgebert._version import __version__
from edgebert.workflow.api import export
from edgebert.workflow.push import push
from edgebert.workflow.verification import VerifyReport, verify
from edgebert_runtime import Bundle, errors

if TYPE_CHECKING:
    from edgebert.reporting.explanation.page import explanation_page
    from edgebert.search.compressing import compress
    from edgebert.search.result import CompressReport
    from edgebert.training import TrainingConfig, TrainingReport
    from edgebert.workflow.distillation import DistilLosses, DistilReport, distil
    from edgebert.workflow.pruning import PruneReport, prune
    from edgebert.workflow.training import train
    from edgebert.workflow.trimming import TrimReport, trim
    from edgebert.workflow.variants import remove_variant, set_default, upgrade
    from edgebert_export import add_attention
    from edgebert_quantize import quantize_bundle as quantize
    from edgebert_quantize import quantize_file, quantize_within

__all__ = [
    "Bundle",
    "CompressReport",
    "DistilLosses",
    "DistilReport",
    "PruneReport",
    "TrainingConfig",
    "TrainingReport",
    "TrimReport",
    "VerifyReport",
    "__version__",
    "add_attention",
    "compress",
    "distil",
    "errors",
    "explanation_page",
    "export",
    "prune",
    "push",
    "quantize",
    "quantize_file",
    "quantize_within",
    "remove_variant",
    "set_default",
    "train",
    "trim",
    "upgrade",
    "verify",
]

_HOMES: Final = {
    "CompressReport": ("edgebert.search.result", "CompressReport"),
    "DistilLosses": ("edgebert.workflow.distillation", "DistilLosses"),
    "DistilReport": ("edgebert.workflow.distillation", "DistilReport"),
    "PruneReport": ("edgebert.workflow.pruning", "PruneReport"),
    "TrainingConfig": ("edgebert.training", "TrainingConfig"),
    "TrimReport": ("edgebert.workflow.trimming", "TrimReport"),
    "TrainingReport": ("edgebert.training", "TrainingReport"),
    "add_attention": ("edgebert_export", "add_attention"),
    "compress": ("edgebert.search.compressing", "compress"),
    "distil": ("edgebert.workflow.distillation", "distil"),
    "explanation_page": ("edgebert.reporting.explanation.page", "explanation_page"),
    "prune": ("edgebert.workflow.pruning", "prune"),
    "quantize": ("edgebert_quantize", "quantize_bundle"),
    "quantize_file": ("edgebert_quantize", "quantize_file"),
    "quantize_within": ("edgebert_quantize", "quantize_within"),
    "remove_variant": ("edgebert.workflow.variants", "remove_variant"),
    "set_default": ("edgebert.workflow.variants", "set_default"),
    "train": ("edgebert.workflow.training", "train"),
    "trim": ("edgebert.workflow.trimming", "trim"),
    "upgrade": ("edgebert.workflow.variants", "upgrade"),
}
"""Name → module and name it is imported from on first use, because that needs torch or onnx_ir."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, found = _HOMES[name]
    return getattr(import_module(module), found)


def __dir__() -> list[str]:
    return sorted(__all__)
