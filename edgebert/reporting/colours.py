"""Colours of charts on a light ground and on a dark one.

Each colour of a series has a contrast of 4.5 or more to both grounds (WCAG 2.2, 1.4.3), and any
two of them differ for every kind of colour vision; tests compute both.
"""

from typing import Final, NamedTuple

from edgebert_runtime.reporting.html import GRID, INK, PAPER, SOFT, Colour

SERIES: Final = (
    Colour("#1272e9", "#2d8be5"),
    Colour("#965612", "#ad7427"),
    Colour("#048060", "#4fe6b0"),
    Colour("#bd2ca0", "#e034b1"),
    Colour("#074f68", "#6fbbd8"),
    Colour("#de2c58", "#eb7b87"),
    Colour("#4a480e", "#e2be49"),
)

DASHES: Final = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2)))
"""Of lines; series that share a colour have different ones (matplotlib's (offset, on-off))."""

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")


class Look(NamedTuple):
    """What a series looks like."""

    colour: str
    dashes: object
    marker: str


def look(number: int) -> Look:
    """What the series of a number looks like; the first seven have colours of their own."""
    again = number // len(SERIES)
    return Look(
        colour=SERIES[number % len(SERIES)].light,
        dashes=DASHES[again % len(DASHES)],
        marker=MARKERS[(number + again) % len(MARKERS)],
    )


def dark_rules() -> str:
    """CSS that gives a chart drawn in light colours its dark ones, where they are preferred."""
    rules = "".join(
        f'[style*="{name}: {colour.light}"]{{{name}:{colour.dark}!important}}'
        for colour in (PAPER, INK, SOFT, GRID, *SERIES)
        for name in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme:dark){{{rules}}}"
