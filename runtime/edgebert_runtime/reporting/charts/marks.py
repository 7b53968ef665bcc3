"""The shapes of points."""

import math
from collections.abc import Sequence
from typing import Final

from edgebert_runtime.reporting.charts.drawing import element

DASHES: Final = ("", "7 4", "2 4", "10 3 2 3")
"""One for every so many series as there are colours."""


def _corners(*angles: float, radius: float = 1) -> list[tuple[float, float]]:
    """Points about the origin, angles in degrees from the right, clockwise as y goes down."""
    turns = [math.radians(angle) for angle in angles]
    return [(radius * math.cos(turn), radius * math.sin(turn)) for turn in turns]


ARM: Final = 0.38
"""Half as wide as an arm of a cross of radius 1."""

PLUS: Final = (
    (ARM, -1), (ARM, -ARM), (1, -ARM), (1, ARM), (ARM, ARM), (ARM, 1),
    (-ARM, 1), (-ARM, ARM), (-1, ARM), (-1, -ARM), (-ARM, -ARM), (-ARM, -1),
)  # fmt: skip

SHAPES: Final[Sequence[Sequence[tuple[float, float]]]] = (
    (),  # a circle
    _corners(45, 135, 225, 315, radius=1.25),
    _corners(-90, 30, 150, radius=1.35),
    _corners(0, 90, 180, 270, radius=1.35),
    _corners(90, 210, 330, radius=1.35),
    PLUS,
    [((x - y) / math.sqrt(2), (x + y) / math.sqrt(2)) for x, y in PLUS],
    _corners(*(angle for angle in range(-90, 270, 72)), radius=1.25),
)
"""Of radius about 1; one more than there are colours, so that series of one colour differ."""

ROOM: Final = 1.35
"""The largest radius of a shape of radius 1."""


def mark(number: int, x: float, y: float, radius: float, *children: str) -> str:
    """The shape of a series about a point, in the colours of the group it stands in."""
    corners = SHAPES[number % len(SHAPES)]
    if not corners:
        return element("circle", {"cx": x, "cy": y, "r": radius}, *children)
    places = " ".join(f"{x + radius * dx:.2f},{y + radius * dy:.2f}" for dx, dy in corners)
    return element("polygon", {"points": places}, *children)
