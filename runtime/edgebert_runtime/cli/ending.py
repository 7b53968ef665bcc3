"""How a command ends: with an exit code, and at most one line of what went wrong."""

import warnings
from collections.abc import Callable
from typing import Final

from edgebert_runtime.cli.progress import say
from edgebert_runtime.errors import EdgebertError, TruncationWarning

INTERRUPTED: Final = 130
READER_GONE: Final = 141
"""128 and the number of the signal, as shells have it: SIGINT is 2, SIGPIPE 13."""


def run_to_end(program: str, work: Callable[[], object]) -> int:
    """Do the work of a command; returns its exit code.

    Args:
        program: what its messages begin with.
        work: the command. Its own errors, an interrupt and a reader of standard output that has
            gone end it; any other exception keeps its traceback. A warning is one line.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warning_sayer(program)
            work()
    except EdgebertError as error:
        say(f"{program}: {shell_text(error, program)}")
        return error.exit_code
    except KeyboardInterrupt:
        say(f"{program}: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return READER_GONE
    return 0


def _warning_sayer(program: str) -> Callable[..., None]:
    def say_warning(message: Warning | str, *_: object, **__: object) -> None:
        say(f"{program}: warning: {shell_text(message, program)}")

    return say_warning


def shell_text(said: Exception | str, program: str) -> str:
    """An error or a warning in the words of a shell: with commands and options."""
    if isinstance(said, EdgebertError | TruncationWarning) and said.shell is not None:
        return said.shell.replace("{program}", program)
    return str(said)
