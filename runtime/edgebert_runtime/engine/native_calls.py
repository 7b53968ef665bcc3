"""Calls into ONNX Runtime end before the interpreter does.

Python waits for no daemon thread at its end. Up to Python 3.13 such a thread is unwound when it
takes the GIL again. Inside ONNX Runtime that goes through C++, which aborts the process.
https://docs.python.org/3/c-api/init.html#c.PyEval_RestoreThread
"""

import atexit
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

POLL_SECONDS: Final = 0.001

_under_way: set[object] = set()
_ending = False


@contextmanager
def native_call() -> Iterator[None]:
    """Around a call into ONNX Runtime; the end of the program waits for it.

    Raises:
        SystemExit: the program ends and this is a daemon thread; it ends the thread in silence.
    """
    call = object()
    _under_way.add(call)  # first: either the end sees this call, or this call sees the end
    try:
        if _ending:
            _end_daemon()
        yield
    finally:
        _under_way.discard(call)


def _end_daemon() -> None:
    from threading import current_thread

    if current_thread().daemon:
        raise SystemExit


def _wait() -> None:
    """At exit, when all threads but daemons have ended."""
    global _ending
    _ending = True
    while _under_way:
        time.sleep(POLL_SECONDS)


def _forget() -> None:
    """In a forked child: calls of the parent's threads are not under way here."""
    _under_way.clear()


atexit.register(_wait)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
