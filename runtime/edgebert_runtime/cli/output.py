"""What a command writes to standard output, and how wide it may be."""

import os
import sys
from collections.abc import Iterable


def print_lines(lines: Iterable[str]) -> None:
    """Write lines to standard output, each at once.

    Raises:
        ReaderGone, OutputError: within `explained_streams`, nobody reads on, or they cannot be
            written.
    """
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


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
