"""Locks of POSIX, flock(2): on the folder or the file itself."""

import os
import sys
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    fcntl: Any = None  # every module can be imported on every system
else:
    import fcntl


def acquire(path: Path) -> int:
    """Wait for a folder or a file and hold it; the descriptor is for `release`.

    Raises:
        OSError: it cannot be opened.
    """
    while True:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            _flock(descriptor, wait=True)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the folder was replaced while waiting: lock the new one


def release(descriptor: int) -> None:
    """Let go of what `acquire` holds."""
    os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a living process holds a folder or a file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _flock(descriptor, wait=False)
    finally:
        os.close(descriptor)


def shows_lock(path: Path) -> bool:
    """Whether nobody holds a folder or a file, and it could be seen if somebody did."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _flock(descriptor, wait=False) and is_locked(path)
    finally:
        os.close(descriptor)


def _flock(descriptor: int, *, wait: bool) -> bool:
    """False if another holds it; some network file systems have no locks, and there nobody does."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
