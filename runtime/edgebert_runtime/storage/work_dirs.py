"""Hidden folders that live as long as the process that works in them."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from edgebert_runtime.errors import ExportError
from edgebert_runtime.storage.file_lock import is_locked, locked_anew, shows_lock
from edgebert_runtime.storage.renaming import rename_folder

LONGEST_NAME: Final = 190
"""Bytes of a name that more is put behind: disks take 255."""


@contextmanager
def work_folder(parent: Path, target: Path) -> Iterator[Path]:
    """Yield a new folder in `parent`, locked; what has its name afterwards is removed.

    Args:
        parent: where; created if it is missing.
        target: what the work is for, which gives the folder its name.

    Raises:
        ExportError: the folder cannot be made.
    """
    folder = _own_name(parent, target)
    try:
        with locked_anew(folder, lambda: _make(folder)):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def discard(folder: Path, target: Path) -> None:
    """Remove a folder beside `target`; if the process dies halfway, the rest is a leftover."""
    doomed = _own_name(target.parent, target)
    with suppress(FileNotFoundError):  # another process was faster
        rename_folder(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def remove_stale(parent: Path, target: Path) -> None:
    """Remove the work folders for `target` whose process no longer runs."""
    ours = re.compile(re.escape(_prefix(target)) + r"(\d{1,9})-[0-9a-f]{16}")
    with suppress(OSError):  # a parent that is missing or unreadable holds nothing to remove
        for path in list(parent.iterdir()):
            match = ours.fullmatch(path.name)
            if match and is_abandoned(path, int(match[1])):
                shutil.rmtree(path, ignore_errors=True)


def _own_name(parent: Path, target: Path) -> Path:
    return parent / f"{_prefix(target)}{os.getpid()}-{os.urandom(8).hex()}"


def hidden_prefix(target: Path) -> str:
    """What hidden names of work for a file or a folder begin with."""
    return f".{short_name(target)}."


def short_name(target: Path) -> str:
    """The name of a file or a folder; of a long one its hash, so that more fits behind it."""
    name = os.fsencode(target.name)
    if len(name) <= LONGEST_NAME:
        return target.name
    from hashlib import sha256

    return sha256(name).hexdigest()


def _prefix(target: Path) -> str:
    return f"{hidden_prefix(target)}staging-"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ExportError(
            f"{folder.parent} cannot be written ({error.strerror}); make it a folder that you may "
            "write and that has space, or choose another"
        ) from error


def is_abandoned(hidden: Path, process: int) -> bool:
    """Whether the process that made a hidden file or folder, and locked it, has ended.

    Its lock says so. Its number does where locks do not show; in containers, which all have a
    process 1, that may be the number of another.
    """
    return shows_lock(hidden) or (not _runs(process) and not is_locked(hidden))


def _runs(process: int) -> bool:
    """Whether a process of this machine is alive; True where the system cannot say."""
    if sys.platform == "win32":
        return True  # os.kill would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
