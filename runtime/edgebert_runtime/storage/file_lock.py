"""An advisory lock on a folder or file, flock(2), which ends with its process whatever kills it.

Windows and some network filesystems have none on folders; there every lock is granted at once.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder or a file alone, waiting for whoever holds it.

    Raises:
        OSError: it cannot be opened.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = _acquire(folder)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_anew(path: Path, make: Callable[[], None]) -> Iterator[None]:
    """Make a folder or a file and hold it alone.

    Who looks for what was left behind may find it unlocked and remove it: it is made again then.

    Raises:
        OSError: it cannot be made or opened.
    """
    with ExitStack() as stack:
        while True:
            make()
            with suppress(FileNotFoundError):
                stack.enter_context(locked(path))
                break
        yield


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
