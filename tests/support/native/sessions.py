"""Sessions of ONNX Runtime with the operator's library."""

import os
import platform
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

import edgebert_native
from tests.support.native.graph import inputs
from tests.support.native.model import Floats

FORCED: Final = "EDGEBERT_NATIVE_KERNEL"
"""Names the instruction set to use."""

KERNELS: Final = {
    "x86_64": ("amx_int8_bf16", "avx512_vnni_bf16", "avx512_vnni", "avx_vnni", "avx2"),
    "aarch64": ("neon_i8mm", "neon_dotprod"),
}
"""Instruction sets by machine, the fastest first."""


def available() -> list[str]:
    """Those that this CPU has."""
    found = []
    before = os.environ.get(FORCED)
    for name in KERNELS[platform.machine()]:
        os.environ[FORCED] = name
        found += [name] if edgebert_native.kernel() else []
    if before is None:
        os.environ.pop(FORCED, None)
    else:
        os.environ[FORCED] = before
    return found


def open_session(
    path: Path, *, pool: int = 1, parts: int | None = None, **entries: str
) -> onnxruntime.InferenceSession:
    """Open a model with the library.

    Args:
        path: of the model.
        pool: threads of ONNX Runtime.
        parts: into how many parts the operator cuts its work.
        entries: more of `edgebert.native`, such as `packed`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = pool
    if parts is not None:
        entries["threads"] = str(parts)
    for name, value in entries.items():
        options.add_session_config_entry(f"edgebert.native.{name}", value)
    options.register_custom_ops_library(edgebert_native.library())
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, hidden: Floats, mask: NDArray[np.int64]) -> Floats:
    (encoded,) = session.run(None, inputs(hidden, mask))
    found: Floats = encoded
    return found


def distances(found: Floats, expected: Floats) -> Floats:
    """How far each token's vector is, as a share of the expected one's length."""
    apart = np.linalg.norm((found - expected).astype("f8"), axis=-1)
    length = np.linalg.norm(expected.astype("f8"), axis=-1)
    shares: Floats = np.divide(apart, length, out=apart, where=length > 0)
    return shares
