"""What the colours and shapes of a chart are called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgebert_runtime.reporting.charts.drawing import (
    LINE,
    SMALL,
    WIDTH,
    Drawing,
    element,
    text,
    title,
    width_of,
    wrapped,
)

SAMPLE: Final = 34
"""How wide the sample before a name is."""

LEAST: Final = 2
"""Columns, however long the names are."""

GAP: Final = 8
STEP: Final = SMALL * LINE
PADDING: Final = 8
"""Below the last line."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A name and what it stands for.

    Attributes:
        name: in as many lines as it takes.
        sample: draws it, given its left end and the height of its middle; `SAMPLE` wide.
        strong: whether the name is bold.
    """

    name: str
    sample: Callable[[float, float], str]
    strong: bool = False


def legend(entries: Sequence[Entry]) -> Drawing:
    """Entries in columns of one width, row by row; a long name takes several lines."""
    widest = (
        SAMPLE
        + 3 * GAP
        + max(width_of(entry.name, SMALL, strong=entry.strong) for entry in entries)
    )
    columns = min(len(entries), max(LEAST, int(WIDTH // widest)))
    width = min(widest, WIDTH / columns)
    drawn, top = [], 0.0
    for start in range(0, len(entries), columns):
        row = entries[start : start + columns]
        room = width - SAMPLE - 2 * GAP
        names = [wrapped(entry.name, room, SMALL, strong=entry.strong) for entry in row]
        for column, (entry, lines) in enumerate(zip(row, names, strict=True)):
            drawn.append(_entry(entry, lines, column * width, top))
        top += STEP * max(map(len, names))
    return Drawing(height=top + PADDING, body="".join(drawn))


def _entry(entry: Entry, lines: Sequence[str], left: float, top: float) -> str:
    words = [
        text(
            line,
            left + SAMPLE + GAP,
            top + SMALL + number * STEP,
            size=SMALL,
            strong=entry.strong,
        )
        for number, line in enumerate(lines)
    ]
    sample = entry.sample(left, top + SMALL * 2 / 3)
    return element("g", {}, title(entry.name), sample, *words)
