"""Locks of Windows, which has none on folders: on a file of that folder's name elsewhere.

The file lies outside, because Windows renames no folder that holds an open file. As with flock(2),
the lock ends with its process whatever kills it.
https://learn.microsoft.com/cpp/c-runtime-library/reference/locking
"""

import os
import sys
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final, NamedTuple

if sys.platform == "win32":
    import msvcrt
else:
    msvcrt: Any = None  # every module can be imported on every system

POLL_SECONDS: Final = 0.05
"""Between two tries; the system's own waiting gives up after ten seconds."""


class Held(NamedTuple):
    """What is for `release`."""

    descriptor: int
    file: Path


def acquire(path: Path) -> Held:
    """Wait for a folder or a file and hold it.

    Raises:
        FileNotFoundError: it is not there, or no longer.
        OSError: the lock's own file cannot be made.
    """
    while True:
        held = _try(path)
        if held is not None:
            break
        time.sleep(POLL_SECONDS)
    try:
        os.stat(path)
    except BaseException:
        release(held)
        raise
    return held


def release(held: Held) -> None:
    """Let go of what `acquire` holds."""
    msvcrt.locking(held.descriptor, msvcrt.LK_UNLCK, 1)
    os.close(held.descriptor)
    with suppress(OSError):  # who waits has it open, and Windows keeps it for them
        held.file.unlink()


def is_locked(path: Path) -> bool:
    """Whether a living process holds a folder or a file."""
    try:
        held = _try(path)
    except OSError:
        return False
    if held is None:
        return True
    release(held)
    return False


def shows_lock(path: Path) -> bool:
    """Whether nobody holds a folder or a file: a lock is seen wherever there is one."""
    return not is_locked(path)


def _try(path: Path) -> Held | None:
    """Lock the first byte; None if another process has."""
    place = _lock_file(path)
    place.parent.mkdir(exist_ok=True)
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except PermissionError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return Held(descriptor, place)


def _lock_file(path: Path) -> Path:
    """One for each name, however it is spelled; Windows knows `Model` and `model` as one."""
    name = os.path.normcase(os.path.realpath(path))
    return Path(gettempdir()) / "edgebert-locks" / f"{sha256(name.encode()).hexdigest()[:32]}.lock"
