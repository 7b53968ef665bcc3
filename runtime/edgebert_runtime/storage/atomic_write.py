"""A file appears whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgebert_runtime.errors import ConfigError, OutputError
from edgebert_runtime.storage.fsync import sync_file, sync_folder
from edgebert_runtime.storage.work_dirs import runs


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Yield a hidden name beside a file, which takes its place if the block ends without an error.

    A link stands for what it leads to.

    Raises:
        OutputError: it cannot be written there; what was there is untouched.
    """
    path = Path(os.path.realpath(path))
    hidden = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield hidden
        put_file(hidden, path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}; name a file in a folder that "
            "exists, that you may write and that has space"
        ) from error
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


def put_file(written: Path, path: Path) -> None:
    """Give a finished file of the same disk the name `path`, on disk when this returns.

    Raises:
        OSError: it cannot be done; what was there is untouched.
    """
    sync_file(written)
    os.replace(written, path)
    sync_folder(path.parent)


def remove_partials(path: Path) -> None:
    """Remove what writers of a file left whose processes no longer run."""
    path = Path(os.path.realpath(path))
    ours = re.compile(re.escape(f".{path.name}.") + r"(\d{1,9})\.partial")
    with suppress(OSError):  # a folder that is missing or unreadable holds nothing to remove
        for hidden in list(path.parent.iterdir()):
            match = ours.fullmatch(hidden.name)
            if match and not runs(int(match[1])):
                hidden.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text as UTF-8 with line feeds, replacing what is there once it is complete.

    Raises:
        OutputError: as `draft`.
    """
    with draft(path) as hidden, hidden.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def check_places(*files: Path | None) -> None:
    """Refuse, before anything is measured, files that could not be written in the end.

    Raises:
        ConfigError: two are the same, or one is standard output, which has the table.
        OutputError: something there is no file, or its folder cannot be written.
    """
    from tempfile import TemporaryFile

    named = [file for file in files if file is not None]
    if len({file.resolve() for file in named}) != len(named):
        raise ConfigError(
            f"{named[0]} cannot be both the JSON results and the page; name two files"
        )
    for file in named:
        if str(file) == "-":
            raise ConfigError("the table goes to standard output; name a file instead of -")
        if file.exists() and not file.is_file():
            raise OutputError(f"{file} is not a file; choose another name")
        try:
            with TemporaryFile(dir=file.resolve().parent):
                pass
        except OSError as error:
            raise OutputError(f"{file} cannot be written: {error.strerror}") from error
