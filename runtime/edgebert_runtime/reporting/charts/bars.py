"""Bars: stretches end to end on one scale from zero."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from edgebert_runtime.reporting.charts.axes import Axis, linear_axis
from edgebert_runtime.reporting.charts.colours import SERIES, painted, series
from edgebert_runtime.reporting.charts.drawing import (
    LINE,
    SMALL,
    WIDTH,
    Drawing,
    element,
    paragraph,
    text,
    title,
    width_of,
    wrapped,
)
from edgebert_runtime.reporting.charts.frames import BELOW, below, overhang
from edgebert_runtime.reporting.charts.legends import SAMPLE, Entry, legend
from edgebert_runtime.reporting.document import Bar, Bars, Part
from edgebert_runtime.reporting.validation import check_bars, exact, short

NAMES: Final = 0.34
"""Of the width, at most, for what stands before the bars."""

THICK: Final = 26
ROW: Final = 38
"""From a bar to the next, if its name has one line or two."""

GAP: Final = 8
CAP: Final = 5.0
INSIDE: Final = 6
"""Beside a name in a stretch; where there is less room there is no name."""

FAINT: Final = 0.35
"""Opacity of what is not chosen, and of parts whose colours others have already."""

BESIDE: Final = 1
"""Between two stretches, unless that would take much of the second."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where bars are, in the units of the drawing, and what they look like.

    Attributes:
        axis: from zero.
        left, right: its ends.
        colours: name of a part → which colour.
        stacked: whether a bar has more than one part.
        faded: whether bars that are not chosen are faint.
    """

    axis: Axis
    left: float
    right: float
    colours: Mapping[str, int]
    stacked: bool
    faded: bool

    def across(self, value: float) -> float:
        """Where a value is."""
        return self.left + (self.right - self.left) * self.axis.share(value)

    def paint(self, name: str, *, chosen: bool) -> dict[str, str | float]:
        """Attributes of a stretch; a faint one has an edge."""
        number = self.colours[name]
        colour = series(number)
        if not self.is_faint(name, chosen=chosen):
            return dict(painted(fill=colour))
        return {**painted(fill=colour, line=colour), "fill-opacity": FAINT}

    def is_faint(self, name: str, *, chosen: bool) -> bool:
        """Whether a stretch is."""
        return self.colours[name] // len(SERIES) % 2 == 1 or (self.faded and not chosen)


def draw_bars(bars: Bars) -> Drawing:
    """Bars: legend of the parts' names, bars with names and values, the scale.

    Raises:
        ConfigError: as `check_bars`.
    """
    check_bars(bars)
    layout = _layout(bars)
    entries = [Entry(name=name, sample=_sample(name, layout)) for name in layout.colours if name]
    names = legend(entries) if layout.stacked and entries else Drawing(height=0, body="")
    rows, bottom = [], names.height
    for bar in bars.bars:
        row = _row(bar, bars.unit, layout, bottom)
        rows.append(row.body)
        bottom += row.height
    unit = paragraph(bars.unit, layout.left, bottom + BELOW, size=SMALL)
    body = [names.body, _scale(layout, names.height, bottom), *rows, unit.body]
    return Drawing(height=bottom + BELOW + unit.height, body="".join(body))


def _layout(bars: Bars) -> Layout:
    stacked = any(len(bar.parts) > 1 for bar in bars.bars)
    names = dict.fromkeys(part.name for bar in bars.bars for part in bar.parts)
    beside = max(
        width_of(line, SMALL, strong=bar.chosen) for bar in bars.bars for line in _name_lines(bar)
    )
    after = max(width_of(short(_total(bar)), SMALL, strong=bar.chosen) for bar in bars.bars)
    axis = linear_axis([0, *map(_end, bars.bars)])
    return Layout(
        axis=axis,
        left=max(beside + GAP, overhang(axis.labels[0])),
        right=WIDTH - max(after + 2 * GAP, overhang(axis.labels[-1])),
        colours={name: number if stacked else 0 for number, name in enumerate(names)},
        stacked=stacked,
        faded=not stacked and any(bar.chosen for bar in bars.bars),
    )


def _total(bar: Bar) -> float:
    return sum(part.value for part in bar.parts)


def _end(bar: Bar) -> float:
    """Where the farthest of it is: the whole, or a quartile."""
    return max(_total(bar), bar.low or 0, bar.high or 0)


def _name_lines(bar: Bar) -> list[str]:
    return wrapped(bar.name, NAMES * WIDTH, SMALL)


def _row(bar: Bar, unit: str, layout: Layout, top: float) -> Drawing:
    lines = _name_lines(bar)
    height = max(ROW, len(lines) * SMALL * LINE + GAP)
    middle = top + height / 2
    first = middle - (len(lines) - 1) * SMALL * LINE / 2 + SMALL / 3
    drawn = [
        text(
            line,
            layout.left - GAP,
            first + number * SMALL * LINE,
            size=SMALL,
            anchor="end",
            strong=bar.chosen,
        )
        for number, line in enumerate(lines)
    ]
    drawn += _stretches(bar, unit, layout, middle - THICK / 2)
    drawn.append(_whisker(bar, layout, middle))
    drawn.append(
        text(
            short(_total(bar)),
            layout.across(_end(bar)) + GAP,
            middle + SMALL / 3,
            size=SMALL,
            strong=bar.chosen,
            halo=True,
        )
    )
    return Drawing(height=height, body="".join(drawn))


def _stretches(bar: Bar, unit: str, layout: Layout, top: float) -> list[str]:
    ends = list(accumulate((part.value for part in bar.parts), initial=0.0))
    drawn = [
        _stretch(bar, part, unit, layout, (layout.across(start), layout.across(end)), top)
        for part, (start, end) in zip(bar.parts, pairwise(ends), strict=True)
    ]
    if bar.chosen:
        width = layout.across(ends[-1]) - layout.left
        place = {"x": layout.left, "y": top, "width": width, "height": THICK}
        edge = {**painted(line="ink"), "pointer-events": "none"}  # titles lie below
        drawn.append(element("rect", {**place, **edge, "stroke-width": 2}))
    return drawn


def _stretch(
    bar: Bar, part: Part, unit: str, layout: Layout, ends: tuple[float, float], top: float
) -> str:
    width = ends[1] - ends[0]
    gap = BESIDE if ends[0] > layout.left and width > 4 * BESIDE else 0
    place = {"x": ends[0] + gap, "y": top, "width": width - gap, "height": THICK}
    paint = layout.paint(part.name, chosen=bar.chosen)
    says = title(_says(bar, part, unit))
    if not layout.stacked or width_of(part.name, SMALL) + 2 * INSIDE > width:
        return element("rect", {**place, **paint}, says)
    faint = layout.is_faint(part.name, chosen=bar.chosen)
    name = text(
        part.name,
        (ends[0] + ends[1]) / 2,
        top + THICK / 2 + SMALL / 3,
        colour="ink" if faint else "paper",
        size=SMALL,
        anchor="middle",
    )
    return element("g", {}, says, element("rect", {**place, **paint}), name)


def _says(bar: Bar, part: Part, unit: str) -> str:
    amount = f"{exact(part.value)} {unit}"
    lines = [bar.name, f"{part.name}: {amount}" if part.name else amount]
    if len(bar.parts) > 1:
        lines.append(f"of {exact(_total(bar))} {unit}")
    if bar.low is not None or bar.high is not None:
        known = [exact(quartile) for quartile in _quartiles(bar)]
        lines.append(f"quartiles: {' … '.join(known)}")
    return "\n".join(line for line in lines if line)


def _quartiles(bar: Bar) -> tuple[float, float]:
    """The one that is not known is where the bar ends."""
    whole = _total(bar)
    return whole if bar.low is None else bar.low, whole if bar.high is None else bar.high


def _whisker(bar: Bar, layout: Layout, middle: float) -> str:
    if bar.low is None and bar.high is None:
        return ""
    low, high = map(layout.across, _quartiles(bar))
    path = f"M{low:.2f},{middle:.2f} L{high:.2f},{middle:.2f}"
    for x in (low, high):
        path += f" M{x:.2f},{middle - CAP:.2f} L{x:.2f},{middle + CAP:.2f}"
    ground = element("path", {"d": path, **painted(line="paper"), "stroke-width": 4})
    return ground + element("path", {"d": path, **painted(line="ink"), "stroke-width": 1.5})


def _scale(layout: Layout, top: float, bottom: float) -> str:
    lines = [
        element("line", {"x1": x, "x2": x, "y1": top, "y2": bottom})
        for x in map(layout.across, layout.axis.ticks)
    ]
    return element("g", painted(line="grid"), *lines) + below(layout.axis, layout.across, bottom)


def _sample(name: str, layout: Layout) -> Callable[[float, float], str]:
    def sample(left: float, middle: float) -> str:
        place = {"x": left + SAMPLE / 2, "y": middle - SMALL / 2}
        size = {"width": SAMPLE / 2, "height": SMALL}
        return element("rect", {**place, **size, **layout.paint(name, chosen=False)})

    return sample
