"""The field that points lie in: axes, grid lines and what stands beside them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from edgebert_runtime.reporting.charts.axes import Axis
from edgebert_runtime.reporting.charts.colours import painted
from edgebert_runtime.reporting.charts.drawing import SMALL, WIDTH, element, text, width_of

LEFT: Final = 64
RIGHT: Final = 616
"""Where the field begins and ends, unless labels beside it need more room."""

HEIGHT: Final = 320
BELOW: Final = 24
"""What the labels of the horizontal axis take."""

GAP: Final = 8


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where values are, in the units of the drawing; y goes down.

    Attributes:
        x, y: the axes.
        left, right, top, bottom: of the field.
    """

    x: Axis
    y: Axis
    left: float
    right: float
    top: float
    bottom: float

    def across(self, value: float) -> float:
        """Where a value of the horizontal axis is."""
        return self.left + (self.right - self.left) * self.x.share(value)

    def down(self, value: float) -> float:
        """Where a value of the vertical axis is."""
        return self.bottom - (self.bottom - self.top) * self.y.share(value)


def frame(x: Axis, y: Axis, top: float) -> Frame:
    """A field as wide as labels leave room for."""
    beside = max(width_of(label, SMALL) for label in y.labels) + GAP
    return Frame(
        x=x,
        y=y,
        left=max(LEFT, beside, overhang(x.labels[0])),
        right=min(RIGHT, WIDTH - overhang(x.labels[-1])),
        top=top,
        bottom=top + HEIGHT,
    )


def grid(frame: Frame) -> str:
    """Lines of both axes with their labels."""
    across = _lines(frame.x, lambda value: _upright(frame, frame.across(value)))
    down = _lines(frame.y, lambda value: _level(frame, frame.down(value)))
    edges = element(
        "path",
        {
            "d": f"M{frame.left:.2f},{frame.top:.2f} L{frame.left:.2f},{frame.bottom:.2f} "
            f"L{frame.right:.2f},{frame.bottom:.2f}",
            **painted(line="soft"),
        },
    )
    beside = [
        text(label, frame.left - GAP, frame.down(tick) + SMALL / 3, size=SMALL, anchor="end")
        for tick, label in zip(frame.y.ticks, frame.y.labels, strict=True)
    ]
    return f"{across}{down}{edges}{''.join(beside)}{below(frame.x, frame.across, frame.bottom)}"


def overhang(label: str) -> float:
    """How far a label of a horizontal axis reaches beyond its tick."""
    return width_of(label, SMALL) / 2


def below(axis: Axis, across: Callable[[float], float], bottom: float) -> str:
    """The labels of a horizontal axis, as many as there is room for."""
    labels = list(zip(map(across, axis.ticks), axis.labels, strict=True))
    return "".join(
        text(label, x, bottom + BELOW - 4, size=SMALL, anchor="middle") for x, label in _fit(labels)
    )


def _fit(labels: Sequence[tuple[float, str]]) -> Sequence[tuple[float, str]]:
    """All of them, or every second, every third …, until none touches the next."""
    stride = 1
    while _touching(labels[::stride]):
        stride += 1
    return labels[::stride]


def _touching(labels: Iterable[tuple[float, str]]) -> bool:
    return any(
        after - before < overhang(left) + overhang(right) + GAP
        for (before, left), (after, right) in pairwise(labels)
    )


def _lines(axis: Axis, line: Callable[[float], str]) -> str:
    """Minor lines are fainter than the others."""
    minor = element("g", {**painted(line="grid"), "opacity": 0.45}, *map(line, axis.minor))
    ticks = element("g", painted(line="grid"), *map(line, axis.ticks))
    return (minor if axis.minor else "") + ticks


def _upright(frame: Frame, x: float) -> str:
    return element("line", {"x1": x, "x2": x, "y1": frame.top, "y2": frame.bottom})


def _level(frame: Frame, y: float) -> str:
    return element("line", {"x1": frame.left, "x2": frame.right, "y1": y, "y2": y})
