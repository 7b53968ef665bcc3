"""A job's folder on a file system with links.

A file is written under a hidden name, flushed, and gets its own name by link(2), which never
replaces: of two writers of one file the first wins, and the other finds it there.
"""

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from edgebert_runtime.errors import OutputError
from edgebert_runtime.storage.atomic_write import put_file
from edgebert_runtime.storage.file_lock import locked_anew
from edgebert_runtime.storage.fsync import sync_file, sync_folder
from edgebert_runtime.storage.new_folder import DISK_FULL
from edgebert_runtime.storage.work_dirs import is_abandoned

HIDDEN: Final = re.compile(r"\..+\.(?P<host>[^/]+)-(?P<process>\d{1,9})-[0-9a-f]{16}\.partial")
PROBE: Final = ".links"


class LocalFolder:
    """A folder of this machine, or one that several machines mount.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """Its path."""
        return str(self._path)

    def prepare(self) -> None:
        """Make it, and try whether a link is refused where its name is taken."""
        with _explained(self._path):
            self._path.mkdir(parents=True, exist_ok=True)
            with self._partial(self._path / PROBE) as first:
                self._require_links(first)

    def names(self, inside: str = "") -> list[str]:
        """Names of the files, hidden ones left out."""
        try:
            with os.scandir(self._path / inside) as entries:
                return [each.name for each in entries if not each.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, name: str) -> bytes | None:
        """What a file holds; None where there is none."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    @contextmanager
    def new_file(self, name: str) -> Iterator[BinaryIO]:
        """A file that has its name, and is on disk, once the block ends well."""
        path = self._path / name
        with _explained(self._path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._partial(path) as partial:
                with partial.open("wb") as file:
                    yield file
                sync_file(partial)
                _link(partial, path)
            sync_folder(path.parent)

    def put(self, name: str, content: bytes) -> None:
        """Write a small file, over one that is there."""
        path = self._path / name
        with _explained(self._path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._partial(path) as partial:
                partial.write_bytes(content)
                put_file(partial, path)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self._path / name).unlink(missing_ok=True)

    def opened(self, name: str) -> BinaryIO:
        """A file to be read at any place of it."""
        return (self._path / name).open("rb")

    def tidy(self, *, everything: bool = False) -> None:
        """Remove what writers left that have ended; those of other machines may be at work."""
        with suppress(OSError):
            for path in list(self._path.iterdir()):
                match = HIDDEN.fullmatch(path.name)
                if match and (everything or _has_ended(path, match)):
                    path.unlink(missing_ok=True)

    @contextmanager
    def _partial(self, path: Path) -> Iterator[Path]:
        """An empty hidden file beside `path`, locked and removed afterwards."""
        owner = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(8).hex()}"
        hidden = path.with_name(f".{path.name}.{owner}.partial")
        try:
            with locked_anew(hidden, lambda: hidden.touch(exist_ok=False)):
                yield hidden
        finally:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)

    def _require_links(self, first: Path) -> None:
        second = first.with_name(f"{first.name}.partial")
        try:
            os.link(first, second)
            with suppress(FileExistsError):
                os.link(first, second)
                raise OutputError(f"{self.place} is on a file system whose links replace files")
        except OSError as error:
            raise OutputError(
                f"{self.place} is on a file system without links ({error.strerror}), by which a "
                "shard gets its name in one step; name a folder of another file system, or a "
                "bucket of an object store"
            ) from error
        finally:
            second.unlink(missing_ok=True)


def _link(partial: Path, path: Path) -> None:
    """Give a finished file its name, unless somebody else's has it.

    Raises:
        OSError: it has not got it, nor has another.
    """
    try:
        os.link(partial, path)
    except OSError:
        # What a network file system did, and then forgot to say, looks the same.
        if not path.exists():
            raise


def _has_ended(path: Path, match: re.Match[str]) -> bool:
    here = match["host"] == socket.gethostname()
    return here and is_abandoned(path, int(match["process"]))


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise OutputError(
                f"disk full: {folder} needs space ({error.strerror}); the shards that are there "
                "are whole, free some and run the same command again"
            ) from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS):
            raise OutputError(
                f"{folder} cannot be written: {error.strerror}; name a folder that you may write"
            ) from error
        raise
