"""How a command ends: with an exit code, and at most one line of what went wrong."""

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

from edgebert_runtime.cli.progress import say
from edgebert_runtime.cli.streams import ReaderGone, explained_streams
from edgebert_runtime.errors import EdgebertError, TruncationWarning

INTERRUPTED: Final = 130
READER_GONE: Final = 141
TERMINATED: Final = 143
"""128 and the number of the signal, as shells have it: SIGINT is 2, SIGPIPE 13, SIGTERM 15."""


def run_to_end(program: str, given: Sequence[str], work: Callable[[], object]) -> int:
    """Do the work of a command; returns its exit code.

    Args:
        program: what its messages begin with.
        given: the user's words behind it.
        work: the command. Its own errors, an interrupt, a reader of standard output that has gone
            and a file that the user named and that cannot be used end it; any other exception
            keeps its traceback. A warning is one line. SIGTERM is `SystemExit`, so that nothing
            half written stays.
    """
    with explained_streams():
        return _code_of(program, given, work)


def _code_of(program: str, given: Sequence[str], work: Callable[[], object]) -> int:
    try:
        with warnings.catch_warnings(), _terminable():
            warnings.showwarning = _warning_sayer(program)
            _do_all(work)
    except EdgebertError as error:
        say(f"{program}: {shell_text(error, program)}")
        return error.exit_code
    except KeyboardInterrupt:
        say(f"{program}: interrupted")
        return INTERRUPTED
    except ReaderGone:
        return READER_GONE
    except OSError as error:
        if not _is_named(error.filename, given):
            raise
        say(f"{program}: {error.filename!r} cannot be used: {error.strerror}")
        return EdgebertError.exit_code
    return 0


def _is_named(file: object, given: Sequence[str]) -> bool:
    """Whether a file is one that the user named, lies in it, or lies beside it, as drafts do."""
    if not isinstance(file, str | bytes | os.PathLike):
        return False
    path = _spelled(os.fsdecode(file))
    words = (word.partition("=")[2] if word.startswith("--") else word for word in given)
    named = [_spelled(word) for word in words if word]
    return any(
        path == each
        or path.startswith(each + os.sep)
        or os.path.dirname(path) == os.path.dirname(each)
        for each in named
    )


def _spelled(path: str) -> str:
    """One spelling for a path, whose case Windows does not tell apart."""
    return os.path.normcase(os.path.abspath(path))


def _do_all(work: Callable[[], object]) -> None:
    """The work, and what it has still to write: help ends it by `SystemExit`."""
    try:
        work()
    finally:
        sys.stdout.flush()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the work as an exception does; a second one ends the process at once."""
    from signal import SIG_DFL, SIGTERM, getsignal, signal

    def end(*_: object) -> NoReturn:
        signal(SIGTERM, SIG_DFL)
        raise SystemExit(TERMINATED)

    main = threading.current_thread() is threading.main_thread()
    if not main or getsignal(SIGTERM) is not SIG_DFL:  # it is the caller's own
        yield
        return
    signal(SIGTERM, end)
    try:
        yield
    finally:
        signal(SIGTERM, SIG_DFL)


def _warning_sayer(program: str) -> Callable[..., None]:
    def say_warning(message: Warning | str, *_: object, **__: object) -> None:
        say(f"{program}: warning: {shell_text(message, program)}")

    return say_warning


def shell_text(said: Exception | str, program: str) -> str:
    """An error or a warning in the words of a shell: with commands and options."""
    if isinstance(said, EdgebertError | TruncationWarning) and said.shell is not None:
        return said.shell.replace("{program}", program)
    return str(said)
