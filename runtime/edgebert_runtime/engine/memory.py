"""Give memory back that was needed while a graph was opened."""

import sys


def trim_heap() -> None:
    """Return freed memory to the system where the C library keeps it for later.

    glibc does (https://man7.org/linux/man-pages/man3/malloc_trim.3.html), and reading a graph whose
    weights are inside frees as much as they are large.
    """
    if sys.platform != "linux":
        return
    import ctypes  # numpy has imported it

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)
