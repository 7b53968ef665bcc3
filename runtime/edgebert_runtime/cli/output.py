"""What a command writes to standard output, and how wide it may be."""

import io
import os
import sys
from collections.abc import Iterable

from edgebert_runtime.errors import OutputError


def print_lines(lines: Iterable[str]) -> None:
    """Write lines to standard output, each at once.

    Raises:
        BrokenPipeError: nobody reads on.
        OutputError: they cannot be written.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    for line in lines:
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _let_go_of_output()
            raise
        except OSError as error:
            _let_go_of_output()
            raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def is_for_people(*, as_json: bool) -> bool:
    """Whether somebody reads standard output at a terminal, and did not ask for JSON."""
    return not as_json and sys.stdout.isatty()


def output_width() -> int | None:
    """Characters in a line of the terminal, or what COLUMNS says; None where there is neither."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    if not sys.stdout.isatty():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or None


def _let_go_of_output() -> None:
    """What is still to be flushed goes nowhere; Python would complain of it when it ends.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
