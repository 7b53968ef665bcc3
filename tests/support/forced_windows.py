"""What Windows refuses, refused on Linux: for processes of their own, which call `pretend` first.

It has no flock(2), fork or renameat2(2); opens no folder; renames no folder in which something is
open, and nothing to a name that is taken; replaces and removes nothing that is open; flushes only
what is open for writing. What is open is read from /proc/self/fd.
"""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

ACCESS_DENIED: Final = 5
SHARING_VIOLATION: Final = 32
ALREADY_EXISTS: Final = 183
MISSING: Final = ("fork", "register_at_fork", "sched_getaffinity")
ROOT: Final = Path(__file__).resolve().parents[2]
PRETEND: Final = "from tests.support.forced_windows import pretend\npretend()\n"


def run_on_windows(code: str, *arguments: str) -> str:
    """What a process prints that takes this system for Windows."""
    command = [sys.executable, "-c", PRETEND + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def start_on_windows(code: str, *arguments: str) -> "subprocess.Popen[str]":
    """Such a process, with pipes to and from it."""
    command = [sys.executable, "-c", PRETEND + code, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)


def pretend() -> None:
    """Make this process take Linux for Windows, before it imports anything of ours."""
    import asyncio  # noqa: F401 - these look at the system when they are imported
    import tempfile  # noqa: F401

    assert not [name for name in sys.modules if name.startswith("edgebert")]
    for name, refusing in _REFUSING.items():
        setattr(os, name, refusing)
    Path.is_mount = _no_mounts  # type: ignore[method-assign]
    for name in MISSING:
        delattr(os, name)
    vars(shutil)["_use_fd_functions"] = False  # they open folders
    sys.modules["msvcrt"] = _msvcrt()
    del sys.modules["fcntl"]
    sys.meta_path.insert(0, _NoFcntl())
    sys.platform = "win32"


class _NoFcntl:
    """A finder that fails where Windows would."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "fcntl":
            raise ModuleNotFoundError(name)


def _open(path: Any, flags: int, *mode: int, **how: Any) -> int:
    read_only = os.path.isfile(path) and not os.stat(path).st_mode & 0o200
    if os.path.isdir(path) or (flags & os.O_RDWR and read_only):
        raise _error(PermissionError, errno.EACCES, path, ACCESS_DENIED)
    return int(_really["open"](path, flags, *mode, **how))


def _rename(source: Any, destination: Any) -> None:
    if os.path.lexists(destination):
        raise _error(FileExistsError, errno.EEXIST, destination, ALREADY_EXISTS)
    _require_closed(source, ACCESS_DENIED)
    _really["rename"](source, destination)


def _replace(source: Any, destination: Any) -> None:
    _require_closed(source, SHARING_VIOLATION)
    _require_closed(destination, ACCESS_DENIED)
    _really["replace"](source, destination)


def _unlink(path: Any, **how: Any) -> None:
    _require_closed(path, SHARING_VIOLATION)
    _really["unlink"](path, **how)


def _fsync(descriptor: int) -> None:
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "opened for reading")
    _really["fsync"](descriptor)


def _link(source: Any, destination: Any, *, follow_symlinks: bool = True) -> None:
    if not follow_symlinks:
        raise NotImplementedError("follow_symlinks unavailable on this platform")
    _really["link"](source, destination)


_REFUSING: Final[dict[str, Callable[..., Any]]] = {
    "open": _open,
    "rename": _rename,
    "replace": _replace,
    "unlink": _unlink,
    "remove": _unlink,
    "fsync": _fsync,
    "link": _link,
}
_really: Final = {name: getattr(os, name) for name in _REFUSING}


def _no_mounts(_: Path) -> NoReturn:
    raise NotImplementedError("Path.is_mount() is unsupported on this system")


def _require_closed(path: Any, code: int) -> None:
    real = os.path.realpath(path)
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            opened = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # the one that lists them
            continue
        if opened == real or opened.startswith(f"{real}/"):
            raise _error(PermissionError, errno.EACCES, path, code)


def _error(kind: type[OSError], number: int, path: Any, code: int) -> OSError:
    error = kind(number, os.strerror(number), str(path))
    error.winerror = code  # type: ignore[attr-defined]
    return error


def _msvcrt() -> types.ModuleType:
    """Locks of one byte that another handle sees, also of the same process."""
    module = types.ModuleType("msvcrt")

    def locking(descriptor: int, mode: int, _: int) -> None:
        try:
            fcntl.flock(descriptor, mode)
        except BlockingIOError as error:
            raise PermissionError(errno.EACCES, "Permission denied") from error

    vars(module).update(
        locking=locking, LK_NBLCK=fcntl.LOCK_EX | fcntl.LOCK_NB, LK_UNLCK=fcntl.LOCK_UN
    )
    return module
