"""Take a torch text encoder to production on any device: verified, small and fast.

    import edgebert

    bundle = edgebert.export("path/to/checkpoint", "my-model/")
    edgebert.quantize(bundle, recipe="int8")
    assert edgebert.verify(bundle, against="path/to/checkpoint").passed

Importing this module loads no torch; calling `export` or `verify` does.
"""

from edgebert._version import __version__
from edgebert.workflow import VerifyReport, export, quantize, verify
from edgebert_runtime import Bundle, errors

__all__ = ["Bundle", "VerifyReport", "__version__", "errors", "export", "quantize", "verify"]
