"""Flushing files and folders to disk, so that a power cut after a rename finds them there."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

NO_FOLDER_SYNC: Final = (errno.EINVAL, errno.EBADF, errno.EACCES)
"""The system has no flush of folders, or the folder may be written to but not read."""


def sync_tree(folder: Path) -> None:
    """Flush every regular file below a folder, and every folder, itself last."""
    for root, _, names in os.walk(folder, topdown=False):
        for path in [Path(root, name) for name in names]:
            if path.is_file() and not path.is_symlink():
                sync_file(path)
        sync_folder(Path(root))


def sync_file(path: Path) -> None:
    """Flush one file's content."""
    # Windows flushes only what is open for writing; elsewhere a file may be read-only.
    try:
        descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    except PermissionError:
        if sys.platform == "win32" and os.path.isfile(path):
            return  # it is read-only, so it was not written now
        raise
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


def _flush(descriptor: int) -> None:
    """To the medium; macOS alone stops at the drive's cache (fsync(2) there)."""
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:  # a disk that has no such flush
            os.fsync(descriptor)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush which names a folder holds, where the system can."""
    if sys.platform == "win32":
        return  # it cannot open folders
    try:
        sync_file(folder)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
