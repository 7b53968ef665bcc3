"""Renames that the system does in one step, or says it cannot.

Linux has them as renameat2(2); elsewhere, and on filesystems without it, `swap` answers False.
"""

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

AT_FDCWD: Final = -100
RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2
UNSUPPORTED: Final = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def swap(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot, with nothing changed.

    Raises:
        OSError: the system can, and failed.
    """
    return _renameat2(first, second, RENAME_EXCHANGE)


def rename_new(source: Path, destination: Path) -> None:
    """Rename a folder to a name that is free.

    Raises:
        FileExistsError: something has that name.
        OSError: the rename failed.
    """
    if _renameat2(source, destination, RENAME_NOREPLACE):
        return
    if os.path.lexists(destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))
    os.rename(source, destination)


def _renameat2(source: Path, destination: Path, flags: int) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    done = libc.renameat2(
        AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(destination), ctypes.c_uint(flags)
    )
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(destination))
