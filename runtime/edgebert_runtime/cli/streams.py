"""Standard streams that are closed, full, or read by nobody: an exit code and at most one line."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO, TypeVar, cast

from edgebert_runtime.errors import OutputError

STANDARD: Final = (0, 1, 2)
"""Descriptors of standard input, output and error."""

Result = TypeVar("Result")


class ReaderGone(BaseException):
    """Whoever read standard output has enough."""


class _Stream:
    """A stream whose errors are those of the command; in all else as it is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if text == "":  # Typer tries so whether it may write, and keeps the error to itself
            return 0
        return self._told(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._told(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _told(self, work: Callable[[], Result]) -> Result:
        raise NotImplementedError


class _Output(_Stream):
    """Standard output: what cannot be written is an error."""

    def _told(self, work: Callable[[], Result]) -> Result:
        try:
            return work()
        except OSError as error:
            _let_go(self._stream)
            if _is_reader_gone(error):
                raise ReaderGone from error
            raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def _is_reader_gone(error: OSError) -> bool:
    """Whether a pipe has no reader; Windows calls that an invalid argument."""
    broken = isinstance(error, BrokenPipeError)
    return broken or (sys.platform == "win32" and error.errno == errno.EINVAL)


class _Errors(_Stream):
    """Standard error: what cannot be said is left unsaid, and the work goes on."""

    def _told(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except OSError:
            return _let_go(self._stream)


class _Closed(io.StringIO):
    """Standard output that the caller has closed."""

    def write(self, text: str) -> int:
        raise OutputError("standard output is closed; redirect it to a file")


@contextmanager
def explained_streams() -> Iterator[None]:
    """Let standard output and error end a command as they should.

    Within it standard output raises `ReaderGone` where nobody reads on, and `OutputError` where it
    cannot be written; standard error may be full or closed.
    """
    _occupy()
    kept = sys.stdout, sys.stderr
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    with open(os.devnull, "w", encoding="utf-8", newline="\n") as nowhere:
        sys.stdout = cast("TextIO", _Output(sys.stdout) if sys.stdout else _Closed())
        sys.stderr = cast("TextIO", _Errors(sys.stderr or nowhere))
        try:
            yield
        finally:
            sys.stderr.flush()
            sys.stdout, sys.stderr = kept


def _occupy() -> None:
    """A closed descriptor would be that of the next file, and get what is meant for a stream."""
    for descriptor in STANDARD:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _let_go(stream: TextIO) -> None:
    """What is still to be flushed goes nowhere; Python would complain of it when it ends.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    with suppress(OSError):  # a stream of a test has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
