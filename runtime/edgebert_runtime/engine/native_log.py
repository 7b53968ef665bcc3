"""Hear what ONNX Runtime writes to its log: why a provider does not start is said nowhere else."""

import os
from _thread import allocate_lock
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

STANDARD_ERROR: Final = 2

_listening = allocate_lock()
"""Two that listened at once would give each other's files back as standard error."""


def _renew() -> None:
    """In a forked child: a lock that another thread of the parent held would be held for ever."""
    global _listening
    _listening = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def engine_log() -> Iterator[list[str]]:
    """Keep what the process writes to standard error meanwhile; the engine goes past `sys.stderr`.

    Yields:
        a list, empty until the end, which then holds the text: to be told in an error, or to be
        passed on.
    """
    heard: list[str] = []
    with _listening:
        kept = _kept()
        if kept is None:
            yield heard
            return
        with _redirected(kept, heard):
            yield heard


def reemit(heard: Sequence[str]) -> None:
    """Write to standard error what was kept from it, if anyone is there to read."""
    if any(heard):
        with suppress(OSError):
            os.write(STANDARD_ERROR, "".join(heard).encode())


def _kept() -> int | None:
    """A second descriptor of standard error; None where a daemon has closed it."""
    try:
        return os.dup(STANDARD_ERROR)
    except OSError:
        return None


@contextmanager
def _redirected(kept: int, heard: list[str]) -> Iterator[None]:
    import tempfile

    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), STANDARD_ERROR)
        try:
            yield
        finally:
            os.dup2(kept, STANDARD_ERROR)
            os.close(kept)
            file.seek(0)
            heard.append(file.read().decode(errors="replace"))
