"""Exchanging two folders in one step, where the system can.

Linux has it as renameat2(2). A plain rename is all a new bundle needs: POSIX lets a folder take
the place of nothing or of an empty folder only, rename(2).
"""

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

AT_FDCWD: Final = -100
RENAME_EXCHANGE: Final = 2
UNSUPPORTED: Final = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def swap(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot, with nothing changed.

    Raises:
        OSError: the system can, and failed.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    done = libc.renameat2(
        AT_FDCWD,
        os.fsencode(first),
        AT_FDCWD,
        os.fsencode(second),
        ctypes.c_uint(RENAME_EXCHANGE),
    )
    number = ctypes.get_errno()
    if done != 0 and number not in UNSUPPORTED:
        raise OSError(number, os.strerror(number), str(second))
    return bool(done == 0)
