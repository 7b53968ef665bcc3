"""Texts beside points, where they cover as little as can be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from edgebert_runtime.reporting.charts.colours import painted
from edgebert_runtime.reporting.charts.drawing import SMALL, element, shortened, text, width_of
from edgebert_runtime.reporting.charts.frames import Frame

WIDEST: Final = 0.6
"""Of the field; a longer label is shortened, and the point's title has all of it."""

SIDES: Final = ((1, -1), (-1, -1), (1, 1), (-1, 1), (1, 0), (-1, 0), (0, -1), (0, 1))
DISTANCES: Final = (6, 22, 40)
FARTHER: Final = 12.0
"""Square units of overlap that a step away from the point is worth."""

TIED: Final = 16
"""From this far on a line leads from the point to its label."""


class Box(NamedTuple):
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Box") -> float:
        """The area that two have in common."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)


@dataclass(frozen=True, kw_only=True)
class LabelAnchor:
    """A point on the drawing.

    Attributes:
        x, y: where.
        radius: how far its shape reaches.
        label: what is to stand beside it; empty for nothing.
        strong: whether that is bold.
    """

    x: float
    y: float
    radius: float
    label: str
    strong: bool

    @property
    def box(self) -> Box:
        """What its shape takes."""
        reach = self.radius
        return Box(self.x - reach, self.y - reach, self.x + reach, self.y + reach)


def labels(spots: Sequence[LabelAnchor], frame: Frame) -> str:
    """The labels of spots, the strong ones first to choose their places."""
    taken = [spot.box for spot in spots]
    drawn = []
    for spot in sorted(spots, key=lambda spot: not spot.strong):
        if spot.label:
            words = shortened(spot.label, WIDEST * (frame.right - frame.left), SMALL)
            box = _place(spot, words, taken, frame)
            taken.append(box)
            drawn.append(_label(spot, words, box))
    return "".join(drawn)


def _place(spot: LabelAnchor, words: str, taken: Sequence[Box], frame: Frame) -> Box:
    """The first place that covers nothing, or the one that covers least."""
    width = width_of(words, SMALL, strong=spot.strong)
    best, least = spot.box, float("inf")
    for distance, box in _places(spot, width, frame):
        cost = sum(box.overlap(other) for other in taken) + FARTHER * distance
        if cost < least:
            best, least = box, cost
    return best


def _places(spot: LabelAnchor, width: float, frame: Frame) -> Iterator[tuple[int, Box]]:
    """Places about a spot, pushed into the field, with how many steps away they are."""
    for step, distance in enumerate(DISTANCES):
        reach = spot.radius + distance
        for right, down in SIDES:
            left = spot.x + right * (reach if down == 0 else spot.radius) - (1 - right) * width / 2
            top = spot.y + down * (reach if right == 0 else distance) - (1 - down) * SMALL / 2
            left = min(max(left, frame.left), frame.right - width)
            top = min(max(top, frame.top), frame.bottom - SMALL)
            yield step, Box(left, top, left + width, top + SMALL)


def _label(spot: LabelAnchor, words: str, box: Box) -> str:
    written = text(
        words,
        (box.left + box.right) / 2,
        box.bottom - SMALL / 5,
        size=SMALL,
        anchor="middle",
        strong=spot.strong,
        halo=True,
    )
    x = min(max(spot.x, box.left), box.right)
    y = min(max(spot.y, box.top), box.bottom)
    if abs(spot.x - x) + abs(spot.y - y) < TIED + spot.radius:
        return written
    ends = {"x1": spot.x, "y1": spot.y, "x2": x, "y2": y}
    return element("line", {**ends, **painted(line="soft")}) + written
