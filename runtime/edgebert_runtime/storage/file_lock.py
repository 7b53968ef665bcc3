"""An advisory lock on a folder or a file, which ends with its process whatever kills it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

if sys.platform == "win32":
    from edgebert_runtime.storage.windows_lock import acquire, is_locked, release, shows_lock
else:
    from edgebert_runtime.storage.flock import acquire, is_locked, release, shows_lock

__all__ = ["is_locked", "locked", "locked_anew", "shows_lock"]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder or a file alone, waiting for whoever holds it.

    Raises:
        OSError: it cannot be opened.
    """
    descriptor = acquire(folder)
    try:
        yield
    finally:
        release(descriptor)


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
