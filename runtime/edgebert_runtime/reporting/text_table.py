"""Tables as plain text. What is wider than the terminal is folded; nothing is ever cut."""

from collections.abc import Iterator, Sequence
from itertools import chain
from textwrap import wrap
from typing import Final

GAP: Final = "  "

NARROWEST: Final = 20
"""Fewest characters that the values of fields are folded to."""


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> Iterator[str]:
    """A head and rows, the first column to the left and the others to the right.

    Where they do not fit, the head and each row go on in further lines, below their first column.

    Args:
        columns: what stands above the rows.
        rows: as many cells each as there are columns.
        width: characters in a line; None is any number. A cell that is wider has a line of its own.
    """
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    parts = list(_parts(widths, width))
    margin = " " * widths[0]
    for row in (columns, *rows):
        for number, part in enumerate(parts):
            first = margin if number else row[0].ljust(widths[0])
            cells = (row[at].rjust(widths[at]) for at in part)
            line = GAP.join(chain([first], cells)).rstrip()
            if line or not number:
                yield line


def _parts(widths: Sequence[int], width: int | None) -> Iterator[list[int]]:
    """Columns behind the first that fit into a line together with it."""
    part: list[int] = []
    used = widths[0]
    for at, own in enumerate(widths[1:], 1):
        if part and width is not None and used + len(GAP) + own > width:
            yield part
            part, used = [], widths[0]
        part.append(at)
        used += len(GAP) + own
    yield part


def value_lines(
    values: Sequence[tuple[str, str]], width: int | None = None, indent: str = ""
) -> Iterator[str]:
    """A line for each value, with its name before it.

    Args:
        values: name and value.
        width: characters in a line; a longer value goes on in the next line, at a space. None is
            any number.
        indent: before each line.
    """
    longest = max((len(name) for name, _ in values), default=0)
    margin = " " * (len(indent) + longest + len(GAP))
    for name, value in values:
        first, *more = _folded(value, None if width is None else width - len(margin))
        yield f"{indent}{name:<{longest}}{GAP}{first}".rstrip()
        yield from (f"{margin}{line}" for line in more)


def _folded(value: str, room: int | None) -> list[str]:
    if room is None:
        return [value]
    room = max(room, NARROWEST)
    return wrap(value, room, break_long_words=False, break_on_hyphens=False) or [""]
