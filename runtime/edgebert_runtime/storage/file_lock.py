"""An advisory lock on a folder, flock(2), which ends with its process whatever kills it.

Windows and some network filesystems have none on folders; there every lock is granted at once.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder alone, waiting for whoever holds it.

    Raises:
        OSError: the folder cannot be opened.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = _acquire(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a living process holds the folder."""
    if sys.platform == "win32":
        return False
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _flock(descriptor, wait=False)
    finally:
        os.close(descriptor)


def _acquire(folder: Path) -> int:
    while True:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _flock(descriptor, wait=True)
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the folder was replaced while waiting: lock the new one


def _flock(descriptor: int, *, wait: bool) -> bool:
    """False if another holds it; where there are no locks, nobody does."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
