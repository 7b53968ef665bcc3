"""A job's folder in an object store, where a file is put only if none has its name.

That is `If-None-Match: *` of S3 (Amazon S3 User Guide, "Conditional writes") and what fsspec calls
mode "create". A store that ignores it is refused: two writers would replace each other's shards.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final

from edgebert_runtime.errors import OutputError

PROBE: Final = "_edgebert/probe"


class ObjectFolder:
    """A folder of a store.

    Args:
        place: its URL.
        filesystem: of fsspec.
        path: in that file system.
    """

    def __init__(self, place: str, filesystem: Any, path: str) -> None:
        self._place, self._store, self._path = place, filesystem, path

    @property
    def place(self) -> str:
        """Its URL."""
        return self._place

    def prepare(self) -> None:
        """Try whether the store refuses to put a second file of one name."""
        name = f"{PROBE}-{os.urandom(8).hex()}"
        try:
            self._put_new(name, b"first")
            with suppress(FileExistsError):
                self._put_new(name, b"second")
                raise OutputError(
                    f"{self._place} is in a store that replaces files (it ignores If-None-Match), "
                    "so that two workers could replace each other's shards; name a bucket of a "
                    "store that has conditional writes, or a folder with links"
                )
        finally:
            self.remove(name)

    def names(self, inside: str = "") -> list[str]:
        """Names of the files."""
        folder = self._at(inside) if inside else self._path
        self._store.invalidate_cache()
        try:
            found = self._store.ls(folder, detail=True)
        except FileNotFoundError:
            return []
        return [each["name"].rpartition("/")[2] for each in found if each["type"] == "file"]

    def read(self, name: str) -> bytes | None:
        """What a file holds; None where there is none."""
        try:
            return bytes(self._store.cat_file(self._at(name)))
        except FileNotFoundError:
            return None

    @contextmanager
    def new_file(self, name: str) -> Iterator[BinaryIO]:
        """A file that is put, whole, once the block ends well."""
        file = io.BytesIO()
        yield file
        with suppress(FileExistsError):
            self._put_new(name, file.getvalue())

    def put(self, name: str, content: bytes) -> None:
        """Write a small file, over one that is there."""
        with self._explained():
            self._store.pipe_file(self._at(name), content)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            self._store.rm_file(self._at(name))

    def opened(self, name: str) -> Any:
        """A file to be read at any place of it."""
        return self._store.open(self._at(name), "rb")

    def tidy(self, *, everything: bool = False) -> None:
        """Nothing is left: a file is put whole."""
        del everything

    def _put_new(self, name: str, content: bytes) -> None:
        """Put a file that is not there.

        Raises:
            FileExistsError: it is.
            OutputError: it cannot be put.
        """
        with self._explained():
            try:
                self._store.pipe_file(self._at(name), content, mode="create")
            except OSError:
                # Of two writers at one moment S3 tells one of a conflict, 409.
                if self.read(name) is None:
                    raise
                raise FileExistsError(name) from None

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise
        except (OSError, NotImplementedError) as error:
            raise OutputError(
                f"{self._place} cannot be written: {error}; name a bucket that exists and that "
                "you may write"
            ) from error
