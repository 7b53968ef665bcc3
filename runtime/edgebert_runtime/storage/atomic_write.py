"""A file appears whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgebert_runtime.errors import ConfigError, OutputError
from edgebert_runtime.storage.file_lock import locked_anew
from edgebert_runtime.storage.fsync import sync_file, sync_folder
from edgebert_runtime.storage.renaming import replace_file
from edgebert_runtime.storage.work_dirs import hidden_prefix, is_abandoned


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Yield an empty hidden file, which takes the place of another if the block ends well.

    It is locked meanwhile. Drafts of the same file whose process has ended are removed before.
    A link stands for what it leads to.

    Raises:
        OutputError: it cannot be written there; what was there is untouched.
    """
    path = Path(os.path.realpath(path))
    try:
        remove_partials(path)
        with _locked_draft(path) as hidden:
            yield hidden
            put_file(hidden, path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}; name a file in a folder that "
            "exists, that you may write and that has space"
        ) from error


@contextmanager
def _locked_draft(path: Path) -> Iterator[Path]:
    hidden = path.with_name(f"{hidden_prefix(path)}{os.getpid()}-{os.urandom(8).hex()}.partial")
    try:
        with locked_anew(hidden, lambda: hidden.touch(exist_ok=False)):
            yield hidden
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


def put_file(written: Path, path: Path) -> None:
    """Give a finished file of the same disk the name `path`, on disk when this returns.

    Raises:
        OSError: it cannot be done; what was there is untouched.
    """
    sync_file(written)
    replace_file(written, path)
    sync_folder(path.parent)


def remove_partials(path: Path) -> None:
    """Remove what writers of a file left whose processes no longer run."""
    path = Path(os.path.realpath(path))
    ours = re.compile(re.escape(hidden_prefix(path)) + r"(\d{1,9})(-[0-9a-f]{16})?\.partial")
    with suppress(OSError):  # a folder that is missing or unreadable holds nothing to remove
        for hidden in list(path.parent.iterdir()):
            match = ours.fullmatch(hidden.name)
            if match and is_abandoned(hidden, int(match[1])):
                hidden.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text as UTF-8 with line feeds, replacing what is there once it is complete.

    Raises:
        OutputError: as `draft`.
    """
    with draft(path) as hidden, hidden.open("w", encoding="utf-8", newline="\n") as file:
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
