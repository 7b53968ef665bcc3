"""Colours of charts and pages, on a light ground and on a dark one.

Each colour of a series has a contrast of 4.5 or more to both grounds, so that text can stand on
it in the colour of the ground (WCAG 2.2, 1.4.3), and any two of them differ for every kind of
colour vision; tests compute both.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple


class Colour(NamedTuple):
    """What it is on a light ground and on a dark one."""

    light: str
    dark: str


PAPER: Final = Colour("#ffffff", "#14171c")
INK: Final = Colour("#16191d", "#e8eaed")
SOFT: Final = Colour("#555b63", "#a7adb5")
GRID: Final = Colour("#d9dce0", "#3a3f47")

SERIES: Final = (
    Colour("#1272e9", "#2d8be5"),
    Colour("#965612", "#ad7427"),
    Colour("#048060", "#4fe6b0"),
    Colour("#bd2ca0", "#e034b1"),
    Colour("#074f68", "#6fbbd8"),
    Colour("#de2c58", "#eb7b87"),
    Colour("#4a480e", "#e2be49"),
)

PROPERTIES: Final[Mapping[str, Colour]] = {
    "paper": PAPER,
    "ink": INK,
    "soft": SOFT,
    "grid": GRID,
    **{f"series-{number}": colour for number, colour in enumerate(SERIES, 1)},
}
"""Custom property → its colour."""

DARK: Final = "@media (prefers-color-scheme:dark)"


def _rules(paint: Callable[[str], str]) -> str:
    """What the classes of charts mean."""
    return "".join(
        f".chart .fill-{name}{{fill:{paint(name)}}}.chart .line-{name}{{stroke:{paint(name)}}}"
        for name in PROPERTIES
    ) + (
        f"\n.chart .halo{{paint-order:stroke;stroke:{paint('paper')};"
        "stroke-width:4px;stroke-linejoin:round}"
    )


IN_PAGE: Final = (
    f":root{{{''.join(f'--{name}:{colour.light};' for name, colour in PROPERTIES.items())}}}\n"
    f"{DARK}{{:root{{"
    f"{''.join(f'--{name}:{colour.dark};' for name, colour in PROPERTIES.items())}}}}}\n"
    f"{_rules('var(--{})'.format)}\n"
)
"""CSS of a document with charts: custom properties for both schemes, and what uses them."""

ALONE: Final = (
    f"{_rules(lambda name: PROPERTIES[name].light)}\n"
    f"{DARK}{{{_rules(lambda name: PROPERTIES[name].dark)}}}\n"
)
"""CSS of a chart that is a file: without properties, which many readers of SVG do not know."""


def painted(*, fill: str = "", line: str = "") -> dict[str, str]:
    """Attributes that paint an element.

    The class stands for the property; the attribute is for readers that know no properties.
    """
    names = [f"fill-{fill}"] * bool(fill) + [f"line-{line}"] * bool(line)
    return {
        "class": " ".join(names),
        "fill": PROPERTIES[fill].light if fill else "none",
    } | ({"stroke": PROPERTIES[line].light} if line else {})


def series(number: int) -> str:
    """The property of the colour of a series or part; there are fewer than there may be series."""
    return f"series-{number % len(SERIES) + 1}"
