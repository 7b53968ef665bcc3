"""Files of rows, here or in an object store: which there are, and whether they have changed."""

import glob
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from edgebert_runtime.batch.folder import local_path, open_store
from edgebert_runtime.batch.job import Source
from edgebert_runtime.errors import InputError

KINDS: Final = (".parquet", ".jsonl", ".csv")
STAMPS: Final = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")
"""What stores call what changes with a file; the first that is there counts."""

GLOB: Final = frozenset("*?[")
BUFFER: Final = 2**20


def find_sources(where: str) -> tuple[Source, ...]:
    """The files of a path: itself, those of a folder and of its folders, or those of a pattern.

    Files whose own name or folder begins with `.` or `_` are left out, as other engines do.

    Args:
        where: a path or a URL.

    Raises:
        InputError: there are none, or they are of several kinds.
        ConfigError: a store that cannot be opened.
    """
    found = _local(where) if local_path(where) is not None else _stored(where)
    sources = tuple(sorted(found, key=lambda source: source.path))
    if not sources:
        raise InputError(f"{where} has no file that ends in {', '.join(KINDS)}; name one that has")
    kinds = {kind_of(source.path) for source in sources}
    if len(kinds) > 1:
        raise InputError(
            f"{where} has files of several kinds ({', '.join(sorted(kinds))}); name those of one, "
            f"such as {where.rstrip('/')}/*{kind_of(sources[0].path)}"
        )
    return sources


def kind_of(path: str) -> str:
    """The ending of a path, in small letters."""
    return os.path.splitext(path)[1].lower()


def require_unchanged(source: Source) -> None:
    """Refuse a source that is not as it was when the job was planned.

    Raises:
        InputError: its size or its time has changed, or it is gone.
    """
    local = local_path(source.path)
    now = _stat(source.path) if local is not None else _store_stat(source.path)
    if (now.size, now.stamp) != (source.size, source.stamp):
        raise InputError(
            f"{source.path} has changed since the job was planned ({source.size:,} bytes then, "
            f"{now.size:,} now); put back the file, or run the job into another folder"
        )


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A source to be read at any place of it.

    Raises:
        InputError: it cannot be read, then or within the block.
    """
    try:
        with _open(path) as file:
            yield file
    except OSError as error:
        raise _unreadable(path, error) from error


def _open(path: str) -> Any:
    local = local_path(path)
    if local is not None:
        return local.open("rb", buffering=BUFFER)
    store, inside = open_store(path)
    return io.BufferedReader(store.open(inside, "rb"), BUFFER)


def _local(where: str) -> Iterator[Source]:
    path = str(local_path(where))
    if os.path.isdir(path):
        yield from map(_stat, _below(path))
    elif os.path.lexists(path) or not GLOB & set(path):
        yield _stat(path)
    else:
        for each in glob.glob(path, recursive=True):
            if os.path.isfile(each) and kind_of(each) in KINDS and not _is_hidden(each):
                yield _stat(each)


def _below(folder: str) -> Iterator[str]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        for name in names:
            if not _is_hidden(name) and kind_of(name) in KINDS:
                yield os.path.join(root, name)


def _is_hidden(path: str) -> bool:
    return os.path.basename(path).startswith((".", "_"))


def _stat(path: str) -> Source:
    try:
        found = os.stat(local_path(path) or path)
    except OSError as error:
        raise _unreadable(path, error) from error
    return Source(path=path, size=found.st_size, stamp=str(found.st_mtime_ns))


def _stored(where: str) -> Iterator[Source]:
    store, path = open_store(where)
    try:
        named = store.glob(path, detail=True) if GLOB & set(path) else store.find(path, detail=True)
    except OSError as error:
        raise _unreadable(where, error) from error
    for name, info in named.items():
        below = name.removeprefix(path).split("/")
        if kind_of(name) in KINDS and not any(map(_is_hidden, below)):
            yield _described(store.unstrip_protocol(name), info)


def _store_stat(path: str) -> Source:
    store, inside = open_store(path)
    store.invalidate_cache()
    try:
        return _described(path, store.info(inside))
    except OSError as error:
        raise _unreadable(path, error) from error


def _described(path: str, info: dict[str, Any]) -> Source:
    stamp = next((str(info[key]) for key in STAMPS if info.get(key) is not None), "")
    return Source(path=path, size=int(info["size"]), stamp=stamp)


def _unreadable(path: str | Path, error: OSError) -> InputError:
    return InputError(
        f"{path} cannot be read: {error.strerror or error}; name a file that exists and that you "
        "may read"
    )
