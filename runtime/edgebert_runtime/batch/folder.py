"""Where a job keeps its files: a folder of this machine, or one of an object store."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from edgebert_runtime.errors import ConfigError

STORE_MARK: Final = "://"
LOCAL_SCHEME: Final = "file://"


class Folder(Protocol):
    """Files that appear whole or not at all, and are never replaced unless that is asked for."""

    @property
    def place(self) -> str:
        """What errors call it."""
        ...

    def prepare(self) -> None:
        """Make it, and refuse a place that cannot commit.

        Raises:
            OutputError: it cannot be written, or a file could be replaced by a second writer.
        """
        ...

    def names(self, inside: str = "") -> list[str]:
        """Names of the files in it, or in a folder inside it; none where that is missing."""
        ...

    def read(self, name: str) -> bytes | None:
        """What a file holds; None where there is none."""
        ...

    def new_file(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file that has its name once the block ends well; one that is there first stays.

        Raises:
            OutputError: it cannot be written; nothing of it stays.
        """
        ...

    def put(self, name: str, content: bytes) -> None:
        """Write a small file, over one that is there."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def opened(self, name: str) -> Any:
        """A file to be read at any place of it."""
        ...

    def tidy(self, *, everything: bool = False) -> None:
        """Remove what writers left that have ended.

        Args:
            everything: whether nobody needs what any writer may still have open.
        """
        ...


def open_folder(where: str) -> Folder:
    """The folder of a path or a URL; nothing is touched.

    Raises:
        ConfigError: a URL whose store cannot be opened.
    """
    path = local_path(where)
    if path is not None:
        from edgebert_runtime.batch.local_folder import LocalFolder

        return LocalFolder(path)
    from edgebert_runtime.batch.object_folder import ObjectFolder

    return ObjectFolder(where, *open_store(where))


def local_path(where: str) -> Path | None:
    """The path on this machine, without links that lead astray; None for a URL of a store."""
    if where.startswith(LOCAL_SCHEME):
        return Path(where.removeprefix(LOCAL_SCHEME)).absolute()
    return None if STORE_MARK in where else Path(where).absolute()


def open_store(where: str) -> tuple[Any, str]:
    """The file system of fsspec for a URL, and the path in it.

    Raises:
        ConfigError: fsspec, or its package for the store, is not installed or refuses the URL.
    """
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(where)
    except ImportError as error:
        raise ConfigError(
            f"{where} needs fsspec and its package for that store ({error}): "
            "pip install 'edgebert-runtime[store]'"
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{where} cannot be opened: {error}; give a URL as fsspec has it"
        ) from error
    return filesystem, str(path).rstrip("/")
