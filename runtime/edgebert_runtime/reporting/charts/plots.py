"""Plots: series of points over two axes."""

from collections.abc import Iterator, Sequence
from typing import Final

from edgebert_runtime.reporting.charts.axes import Axis, linear_axis, log_axis
from edgebert_runtime.reporting.charts.colours import SERIES, painted, series
from edgebert_runtime.reporting.charts.drawing import Drawing, element, paragraph, title
from edgebert_runtime.reporting.charts.frames import BELOW, Frame, frame, grid
from edgebert_runtime.reporting.charts.labels import LabelAnchor, labels
from edgebert_runtime.reporting.charts.legends import SAMPLE, Entry, legend
from edgebert_runtime.reporting.charts.marks import DASHES, ROOM, mark
from edgebert_runtime.reporting.document import Plot, Point, Series
from edgebert_runtime.reporting.validation import check_plot, exact

RADIUS: Final = 4.5
CHOSEN_RADIUS: Final = 7.0
DENSE_RADIUS: Final = 2.5
DENSE: Final = 50
"""From so many points of a series on they are small."""

STROKE: Final = 2.0
CHOSEN_STROKE: Final = 4.0
CAP: Final = 5.0
"""Half as wide as the ends of a whisker."""

BETWEEN: Final = 10.0
"""What stands above the field, and the field."""


def draw_plot(plot: Plot) -> Drawing:
    """A plot: legend, label of the vertical axis, field, label of the horizontal axis.

    Raises:
        ConfigError: as `check_plot`.
    """
    check_plot(plot)
    named = [(number, item) for number, item in enumerate(plot.series) if item.name]
    entries = [_entry(number, item) for number, item in named]
    names = legend(entries) if len(entries) > 1 else Drawing(height=0, body="")
    above = paragraph(plot.y_label, 0, names.height)
    field = frame(*_axes(plot), names.height + above.height + BETWEEN)
    under = paragraph(plot.x_label, field.left, field.bottom + BELOW)
    # What is chosen lies above the rest.
    order = sorted(enumerate(plot.series), key=lambda numbered: numbered[1].chosen)
    body = [names.body, above.body, grid(field), under.body]
    body += [_series(number, item, plot, field) for number, item in order]
    spots = [spot for _, item in order for spot in _spots(item, field)]
    return Drawing(
        height=field.bottom + BELOW + under.height, body="".join([*body, labels(spots, field)])
    )


def _axes(plot: Plot) -> tuple[Axis, Axis]:
    points = [point for item in plot.series for point in item.points]
    y_values = [y for point in points for y in (point.y, point.low, point.high) if y is not None]
    x_axis = log_axis if plot.log_x else linear_axis
    y_axis = log_axis if plot.log_y else linear_axis
    return x_axis(point.x for point in points), y_axis(y_values)


def _series(number: int, item: Series, plot: Plot, field: Frame) -> str:
    """Bands, whiskers and lines below, marks on top."""
    stretches = list(_stretches(item))
    lone = [point for stretch in stretches for point in stretch if len(stretch) == 1]
    parts = [_band(stretch, field) for stretch in stretches if len(stretch) > 1]
    parts += [_whisker(point, field) for point in lone]
    if _is_line(item):
        parts.append(_line(number, item, field))
    parts += [_mark(number, item, point, plot, field) for point in item.points]
    colour = series(number)
    return element("g", painted(fill=colour, line=colour), *parts)


def _is_line(item: Series) -> bool:
    return item.joined and len(item.points) > 1


def _stretches(item: Series) -> Iterator[Sequence[Point]]:
    """Points with quartiles, as long as they follow each other on a line."""
    stretch: list[Point] = []
    for point in item.points:
        known = point.low is not None or point.high is not None
        if stretch and not (known and item.joined):
            yield stretch
            stretch = []
        if known:
            stretch.append(point)
    if stretch:
        yield stretch


def _quartiles(point: Point) -> tuple[float, float]:
    """The one that is not known is where the point is."""
    low = point.y if point.low is None else point.low
    return low, point.y if point.high is None else point.high


def _band(stretch: Sequence[Point], field: Frame) -> str:
    there = [_place(point.x, _quartiles(point)[1], field) for point in stretch]
    back = [_place(point.x, _quartiles(point)[0], field) for point in reversed(stretch)]
    return element("polygon", {"points": " ".join(there + back), "opacity": 0.18, "stroke": "none"})


def _whisker(point: Point, field: Frame) -> str:
    x = field.across(point.x)
    low, high = (field.down(quartile) for quartile in _quartiles(point))
    stem = f"M{x:.2f},{low:.2f} L{x:.2f},{high:.2f}"
    caps = [f"M{x - CAP:.2f},{y:.2f} L{x + CAP:.2f},{y:.2f}" for y in (low, high)]
    return element("path", {"d": " ".join([stem, *caps]), "stroke-width": 1.5})


def _line(number: int, item: Series, field: Frame) -> str:
    places = " ".join(_place(point.x, point.y, field) for point in item.points)
    return element("polyline", {"points": places, "fill": "none", **_stroke(number, item)})


def _stroke(number: int, item: Series) -> dict[str, str | float]:
    """Series of one colour have dashes of their own."""
    dashes = DASHES[number // len(SERIES) % len(DASHES)]
    width = CHOSEN_STROKE if item.chosen else STROKE
    return {"stroke-width": width} | ({"stroke-dasharray": dashes} if dashes else {})


def _mark(number: int, item: Series, point: Point, plot: Plot, field: Frame) -> str:
    x, y = field.across(point.x), field.down(point.y)
    says = [text for text in (item.name, point.label) if text]
    says += [f"{plot.x_label}: {exact(point.x)}", f"{plot.y_label}: {exact(point.y)}"]
    if point.low is not None or point.high is not None:
        says.append("quartiles: {} … {}".format(*map(exact, _quartiles(point))))
    return mark(number, x, y, _radius(item), title("\n".join(says)))


def _radius(item: Series) -> float:
    if item.chosen:
        return CHOSEN_RADIUS
    return RADIUS if len(item.points) < DENSE else DENSE_RADIUS


def _spots(item: Series, field: Frame) -> Iterator[LabelAnchor]:
    for point in item.points:
        yield LabelAnchor(
            x=field.across(point.x),
            y=field.down(point.y),
            radius=ROOM * _radius(item),
            label=point.label,
            strong=item.chosen,
        )


def _place(x: float, y: float, field: Frame) -> str:
    return f"{field.across(x):.2f},{field.down(y):.2f}"


def _entry(number: int, item: Series) -> Entry:
    def sample(left: float, middle: float) -> str:
        line = {"x1": left, "x2": left + SAMPLE, "y1": middle, "y2": middle}
        parts = [element("line", {**line, **_stroke(number, item)})] if _is_line(item) else []
        shape = mark(number, left + SAMPLE / 2, middle, min(_radius(item), RADIUS + 1))
        colour = series(number)
        return element("g", painted(fill=colour, line=colour), *parts, shape)

    return Entry(name=item.name, sample=sample, strong=item.chosen)
