"""The library `edgebert-native`: whether it runs here, and how a session takes it.

It brings one operator for all layers of an encoder to ONNX Runtime, and computes with the
instruction set that fits the CPU best.
https://onnxruntime.ai/docs/reference/operators/add-custom-op.html
"""

import os
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

NAME: Final = "edgebert-native"
"""The distribution, as manifests name it."""

SWITCH: Final = "EDGEBERT_NATIVE"
"""The environment variable that leaves the library out where it is 0."""

INSTALL: Final = "pip install 'edgebert-runtime[native]'"

THREADS: Final = "edgebert.native.threads"
"""The entry of a session's configuration that says how many threads there are to use."""

PACKED: Final = "edgebert.native.packed"
"""The entry that names a file of packed weights to map."""

PACK_TO: Final = "edgebert.native.pack_to"
"""The entry that names a file where packed weights are written."""


class NativeLibrary(NamedTuple):
    """The library as it is here.

    Attributes:
        path: what ONNX Runtime registers.
        version: of the distribution.
        kernel: name of the instruction set that it computes with.
        packing: name of the layout of packed weights, which files of them go by.
    """

    path: str
    version: str
    kernel: str
    packing: str


class Finding(NamedTuple):
    """The library, or why it does not run here.

    Attributes:
        library: None where it does not run.
        reason: why not, and what to do; empty where it runs.
    """

    library: NativeLibrary | None
    reason: str = ""


def find_native() -> Finding:
    """The library, unless the environment leaves it out."""
    if os.environ.get(SWITCH) == "0":
        return Finding(None, f"{SWITCH} is 0")
    return _installed()


@cache
def _installed() -> Finding:
    try:
        import edgebert_native
    except ModuleNotFoundError:
        return Finding(None, f"{NAME} is not installed ({INSTALL})")
    try:
        path, kernel = str(edgebert_native.library()), str(edgebert_native.kernel())
        packing = str(edgebert_native.packing())
    except OSError as error:
        return Finding(None, f"{NAME} cannot be loaded ({error})")
    if not kernel:
        return Finding(None, f"{NAME} has no kernel for this CPU")
    return Finding(NativeLibrary(path, str(edgebert_native.__version__), kernel, packing))


def register(
    options: Any,
    library: NativeLibrary,
    threads: int,
    *,
    packed: Path | None = None,
    pack_to: Path | None = None,
) -> None:
    """Let a session use the library.

    Args:
        options: ONNX Runtime's, of the session.
        library: of `find_native`.
        threads: intra-operator threads of the session.
        packed: a file of packed weights to map; None packs them in memory.
        pack_to: where to write packed weights.
    """
    options.add_session_config_entry(THREADS, str(threads))
    for entry, path in ((PACKED, packed), (PACK_TO, pack_to)):
        if path is not None:
            options.add_session_config_entry(entry, str(path))
    options.register_custom_ops_library(library.path)  # reads the entries
