"""Whether the native encoder can run here; imports it only if it is there."""

import importlib.util


def why_not() -> str:
    """Why it cannot run; empty if it can."""
    if importlib.util.find_spec("edgebert_native") is None:
        return "edgebert-native is not installed; `make native` builds it"
    import edgebert_native

    return "" if edgebert_native.kernel() else "edgebert-native has no kernels for this CPU"
