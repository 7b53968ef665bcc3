"""Run an edgebert bundle with numpy, ONNX Runtime and tokenizers; no torch anywhere near it.

from edgebert_runtime import load

model = load("my-model/")
vectors = model.embed(["a text", "another"])  # float32 (2, dimensions)
"""

from edgebert_runtime import errors
from edgebert_runtime._version import __version__
from edgebert_runtime.bundle import Bundle
from edgebert_runtime.embedder import Embedder
from edgebert_runtime.loading import load
from edgebert_runtime.reports import ModelInfo, RunReport, TruncatedText

__all__ = [
    "Bundle",
    "Embedder",
    "ModelInfo",
    "RunReport",
    "TruncatedText",
    "__version__",
    "errors",
    "load",
]
