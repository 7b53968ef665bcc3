"""Elements of SVG, and how much room text takes."""

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Final

from edgebert_runtime.reporting.charts.colours import painted

WIDTH: Final = 640
"""Of every chart, in its own units; it scales to the room there is."""

FONT: Final = 16
SMALL: Final = 14
LINE: Final = 1.3
"""Of text: from one line to the next, over its size."""

NARROW: Final = frozenset("!'(),-./:;I[]`fijlt|· ")
WIDE: Final = frozenset("%@MWmw—…")
MATHEMATICAL: Final = frozenset("+−=<>~±×≈≤≥&#")
BOLD: Final = 1.12
"""How much wider bold text is."""

ELLIPSIS: Final = "…"

FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped: https://www.w3.org/TR/xml/#charsets."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Part of a chart, from its own top.

    Attributes:
        height: of it; it is `WIDTH` wide.
        body: elements.
    """

    height: float
    body: str


def escaped(text: str) -> str:
    """Text as it stands in XML, in HTML and in their attributes."""
    return html.escape(FORBIDDEN.sub("\ufffd", text))


def element(tag: str, attributes: Mapping[str, str | float], *children: str) -> str:
    """An element; children are elements, or text that is escaped already."""
    given = "".join(f' {name}="{_value(value)}"' for name, value in attributes.items())
    return f"<{tag}{given}>{''.join(children)}</{tag}>" if children else f"<{tag}{given}/>"


def title(text: str) -> str:
    """What a mark says when it is pointed at."""
    return element("title", {}, escaped(text))


def text(
    words: str,
    x: float,
    y: float,
    *,
    colour: str = "ink",
    size: int = FONT,
    anchor: str = "start",
    strong: bool = False,
    halo: bool = False,
) -> str:
    """A line of text whose baseline is at `y`."""
    paint = painted(fill=colour)
    attributes: dict[str, str | float] = {"x": x, "y": y, **paint}
    if halo:
        attributes["class"] = f"{paint['class']} halo"
    if size != FONT:
        attributes["font-size"] = size
    if anchor != "start":
        attributes["text-anchor"] = anchor
    if strong:
        attributes["font-weight"] = "bold"
    return element("text", attributes, escaped(words))


def paragraph(
    words: str, left: float, top: float, *, size: int = FONT, strong: bool = False
) -> Drawing:
    """Text from `left` on in as many lines as it takes, the first one's top at `top`."""
    lines = wrapped(words, WIDTH - left, size, strong=strong)
    step = size * LINE
    body = [
        text(line, left, top + number * step + size, size=size, strong=strong)
        for number, line in enumerate(lines)
    ]
    return Drawing(height=len(lines) * step, body="".join(body))


def moved(body: str, y: float) -> str:
    """Elements further down."""
    return element("g", {"transform": f"translate(0,{_value(y)})"}, body)


def width_of(words: str, size: int, *, strong: bool = False) -> float:
    """How wide a line is at most, more or less: nothing here knows the reader's font."""
    return size * (BOLD if strong else 1) * sum(map(_width, words))


def wrapped(words: str, width: float, size: int, *, strong: bool = False) -> list[str]:
    """Lines that are no wider, broken at spaces or, if need be, anywhere; at least one."""
    width /= BOLD if strong else 1
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if width_of(longer, size) <= width:
            lines[-1] = longer
            continue
        pieces = _pieces(word, width, size)
        lines = [*lines, *pieces] if lines[-1] else [*lines[:-1], *pieces]
    return lines


def shortened(words: str, width: float, size: int) -> str:
    """As much as fits, with an ellipsis if that is not all."""
    if width_of(words, size) <= width:
        return words
    room = width - width_of(ELLIPSIS, size)
    ends = accumulate(size * _width(character) for character in words)
    kept = sum(1 for _ in takewhile(lambda end: end <= room, ends))
    return words[:kept].rstrip() + ELLIPSIS


def _pieces(word: str, width: float, size: int) -> list[str]:
    pieces = [""]
    for character in word:
        if pieces[-1] and width_of(pieces[-1] + character, size) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _width(character: str) -> float:
    """In ems, of DejaVu Sans, the widest of the sans serifs that systems have."""
    if character in NARROW:
        return 0.4
    if character in WIDE or unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if unicodedata.combining(character):
        return 0.0
    if character in MATHEMATICAL:
        return 0.84
    return 0.76 if character.isupper() else 0.64


def _value(value: str | float) -> str:
    """An attribute; coordinates have two decimals at most."""
    if isinstance(value, str):
        return escaped(value)
    rounded = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if rounded == "-0" else rounded
