"""Take a torch text encoder to production on any device: verified, small and fast.

    import edgebert

    bundle = edgebert.export("path/to/checkpoint", "my-model/")
    edgebert.quantize(bundle, recipe="int8")
    assert edgebert.verify(bundle, against="path/to/checkpoint").passed

Importing this module loads no torch; calling `export` or `verify`, or naming `train`, does.
"""

from typing import TYPE_CHECKING, Any, Final

from edgebert._version import __version__
from edgebert.workflow.api import export, quantize, quantize_file, quantize_within
from edgebert.workflow.verification import VerifyReport, verify
from edgebert_runtime import Bundle, errors

if TYPE_CHECKING:
    from edgebert.training import TrainingConfig, TrainingReport, train

__all__ = [
    "Bundle",
    "TrainingConfig",
    "TrainingReport",
    "VerifyReport",
    "__version__",
    "errors",
    "export",
    "quantize",
    "quantize_file",
    "quantize_within",
    "train",
    "verify",
]

TRAINING: Final = ("TrainingConfig", "TrainingReport", "train")


def __getattr__(name: str) -> Any:
    if name in TRAINING:
        from edgebert import training

        return getattr(training, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
