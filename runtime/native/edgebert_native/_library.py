"""The shared library that lies beside this file, and what it says of this CPU."""

import ctypes
from functools import cache
from pathlib import Path


def library() -> str:
    """The path for `onnxruntime.SessionOptions.register_custom_ops_library`.

    Returns:
        The path of the shared library.
    """
    return str(Path(__file__).with_name("libedgebert_native.so"))


def kernel() -> str:
    """The instruction set whose kernels run on this CPU.

    Returns:
        Its name, such as `avx512_vnni_bf16`; empty where the library has no kernels for this CPU
        and registers nothing.

    Raises:
        OSError: the library cannot be loaded.
    """
    return _text("edgebert_native_kernel")


def packing() -> str:
    """The order in which those kernels read weights: a packed copy is of one order.

    Returns:
        Its name; empty where `kernel` is.

    Raises:
        OSError: the library cannot be loaded.
    """
    return _text("edgebert_native_packing")


def _text(function: str) -> str:
    found = getattr(_loaded(), function)
    found.restype = ctypes.c_char_p
    text: bytes = found()
    return text.decode("ascii")


@cache
def _loaded() -> ctypes.CDLL:
    return ctypes.CDLL(library())
