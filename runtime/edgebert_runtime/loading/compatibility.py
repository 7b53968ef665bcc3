"""Which variants of a bundle run here."""

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.engine.cpu import sums_saturate
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.engine.providers import PROVIDERS


def unsupported_reason(bundle: Bundle, name: str, provider: str) -> str | None:
    """Why a variant does not run here, though nothing is wrong with it; None if it does.

    Args:
        bundle: which holds it.
        name: of the variant.
        provider: a name of `PROVIDERS`.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    variant = bundle.manifest.variants[name]
    engine = str(import_engine().__version__)
    if variant.needs not in (None, provider):
        return f"needs provider {variant.needs!r}"
    if not PROVIDERS[provider].takes(variant):
        return f"has operators that provider {provider!r} lacks"
    if not variant.runs_on(engine):
        return f"needs ONNX Runtime {variant.min_onnxruntime}, this is {engine}"
    if provider == "cpu" and variant.needs_wide_sums and sums_saturate():
        return "has 8-bit weights, and this CPU adds products of integers in 16 bits"
    return None
