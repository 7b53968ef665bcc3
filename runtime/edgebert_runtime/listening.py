"""Hear what ONNX Runtime writes to its log: why a provider does not start is said nowhere else."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

STANDARD_ERROR: Final = 2


@contextmanager
def engine_log() -> Iterator[list[str]]:
    """Keep what the process writes to standard error meanwhile; the engine goes past `sys.stderr`.

    Yields:
        a list, empty until the end, which then holds the text: to be told in an error, or to be
        passed on.
    """
    import tempfile

    heard: list[str] = []
    try:
        kept = os.dup(STANDARD_ERROR)
    except OSError:  # a daemon that has closed it
        yield heard
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), STANDARD_ERROR)
        try:
            yield heard
        finally:
            os.dup2(kept, STANDARD_ERROR)
            os.close(kept)
            file.seek(0)
            heard.append(file.read().decode(errors="replace"))


def pass_on(heard: Sequence[str]) -> None:
    """Write to standard error what was kept from it."""
    if any(heard):
        os.write(STANDARD_ERROR, "".join(heard).encode())
