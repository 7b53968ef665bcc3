"""A folder appears whole or not at all, also where it takes the place of another.

It is written to a hidden sibling, synced and renamed. A folder that is there is exchanged in one
step where the system can; elsewhere it is set aside first, and `recover` puts it back if the
process dies in between.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from edgebert_runtime.errors import EdgebertError, ExportError
from edgebert_runtime.storage.atomic_swap import swap
from edgebert_runtime.storage.file_lock import is_locked, locked
from edgebert_runtime.storage.fsync import sync_folder, sync_tree
from edgebert_runtime.storage.renaming import is_in_use, rename_folder
from edgebert_runtime.storage.work_dirs import discard, hidden_prefix, remove_stale, work_folder

DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OCCUPIED: Final = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


@contextmanager
def new_folder(
    destination: Path,
    *,
    replaces: Callable[[Path], bool],
    refusal: type[EdgebertError],
    already_locked: bool = False,
) -> Iterator[Path]:
    """Yield an empty folder that becomes `destination` if the block ends without an error.

    Args:
        destination: the real path, without links.
        replaces: whether the folder that is at `destination` when the block ends is replaced.
        refusal: raised if anything else appeared there meanwhile, which is left alone.
        already_locked: whether the caller holds the lock on the folder that is replaced.

    Raises:
        ExportError: nothing can be written there, the disk is full, or Windows keeps what is there
            because it is open; `destination` is untouched.
    """
    with work_folder(destination.parent, destination) as staging:
        with disk_errors_explained(destination):
            yield staging
            sync_tree(staging)
            if replaces(destination):
                with nullcontext() if already_locked else locked(destination):
                    _replace(staging, destination)
            else:
                _rename(staging, destination, refusal)
        sync_folder(destination.parent)


def recover(destination: Path, *, is_whole: Callable[[Path], bool]) -> None:
    """Undo or finish what a writer that died left beside `destination`; never harms a living one.

    A folder that was set aside is put back if none took its place, and staging folders whose
    process no longer runs are removed.

    Args:
        destination: the real path, without links.
        is_whole: tells a folder that `new_folder` wrote from others.
    """
    previous = _previous(destination)
    if is_whole(previous) and not is_locked(previous):
        # Who may not, or was overtaken, or finds strangers there, goes on with what it sees.
        with suppress(OSError):
            if is_whole(destination):
                discard(previous, destination)
            else:
                rename_folder(previous, destination)
    remove_stale(destination.parent, destination)


@contextmanager
def disk_errors_explained(destination: Path) -> Iterator[None]:
    """Turn errors of a full disk, and of what is open on Windows, into an `ExportError`."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise ExportError(
                f"disk full: {destination.parent} needs space ({error.strerror}); {destination} is "
                "untouched, free some and try again"
            ) from error
        if is_in_use(error):
            raise ExportError(
                f"{destination} is open in another program ({error.strerror}), and Windows renames "
                "and replaces nothing that is open; close what has loaded it and try again"
            ) from error
        raise


def _rename(staging: Path, destination: Path, refusal: type[EdgebertError]) -> None:
    try:
        rename_folder(staging, destination)
    except OSError as error:
        if error.errno in OCCUPIED:
            raise refusal(
                f"{destination} was created by another program meanwhile; it is "
                "untouched, choose another name"
            ) from error
        raise


def _replace(staging: Path, destination: Path) -> None:
    if not swap(staging, destination):
        _set_aside(staging, destination)


def _set_aside(staging: Path, destination: Path) -> None:
    """Two renames; a death between them is what `recover` is for."""
    previous = _previous(destination)
    try:
        rename_folder(destination, previous)
        rename_folder(staging, destination)
    except BaseException:
        if not os.path.lexists(destination):
            rename_folder(previous, destination)
        raise
    with suppress(OSError):  # somebody opened it meanwhile; `recover` tries again
        discard(previous, destination)


def _previous(destination: Path) -> Path:
    return destination.parent / f"{hidden_prefix(destination)}previous"
