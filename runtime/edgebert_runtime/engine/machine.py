"""What computes here, for records that travel to other machines."""

import tokenizers

from edgebert_runtime._version import __version__
from edgebert_runtime.engine.cpu import cpu_name
from edgebert_runtime.engine.onnxruntime import import_engine


def machine_info(provider: str) -> dict[str, str]:
    """Distribution → version, `provider` and `cpu`.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    return {
        "edgebert-runtime": __version__,
        "onnxruntime": str(import_engine().__version__),
        "tokenizers": str(tokenizers.__version__),
        "provider": provider,
        "cpu": cpu_name(),
    }
