"""A native int8 encoder for ONNX Runtime: one operator, in one shared library.

options = onnxruntime.SessionOptions()
options.register_custom_ops_library(edgebert_native.library())
"""

from edgebert_native._library import kernel, library, packing
from edgebert_native._version import __version__

__all__ = ["__version__", "kernel", "library", "packing"]
