"""Plots: series of points over two axes, as data and drawn by matplotlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from edgebert.reporting.colours import look
from edgebert.reporting.drawing import chart_html, fitted, listed, new_figure
from edgebert.reporting.numbers import check_numbers, ticks_of
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.html import PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT: Final = 360.0
LEGEND_ROW: Final = 20.0
"""CSS pixels that a row of the legend takes."""

CHARACTER: Final = 7.5
"""CSS pixels of a letter, about; the legend has as many columns as its names leave room for."""

SMALL: Final = 10.0
NEARBY: Final = ((6, 6), (6, -14), (-6, 6), (-6, -14), (6, 18), (6, -26), (-6, 18), (-6, -26))
"""Where a label may stand from its point, in CSS pixels; the first free place is taken."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A place in a plot.

    Attributes:
        x, y: where.
        low, high: quartiles of y, if they are known.
        label: beside it; empty for none.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    label: str = ""

    @property
    def quartiles(self) -> tuple[float, float]:
        """Low and high; the one that is not known is y."""
        return (
            self.y if self.low is None else self.low,
            self.y if self.high is None else self.high,
        )

    @property
    def has_quartiles(self) -> bool:
        """Whether one of them is known."""
        return self.low is not None or self.high is not None


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points that belong together.

    Attributes:
        name: in the legend.
        points: in order.
        joined: whether a line goes through them.
        chosen: drawn stronger than the others.
    """

    name: str
    points: Sequence[Point]
    joined: bool = True
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Series over two axes.

    Attributes:
        x_label, y_label: what the axes are, with units.
        series: at least one point among them.
        log_x, log_y: whether an axis is logarithmic; its values are then positive.
        caption: one sentence, or empty.
    """

    x_label: str
    y_label: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False
    caption: str = ""

    @property
    def label(self) -> str:
        """What it shows, for a reader who does not see it."""
        return listed(f"{self.y_label} over {self.x_label}", (each.name for each in self.series))

    def html(self) -> str:
        """The chart as HTML, for a wide screen and for a phone.

        Raises:
            ConfigError: there is no point, a number is not finite, or one on a logarithmic axis
                is not positive; or matplotlib is missing.
        """
        return chart_html(self)

    def check(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            ConfigError: as `html`.
        """
        if not any(series.points for series in self.series):
            raise ConfigError(
                f"the plot of {self.y_label!r} has no point; leave it out or give it at least one"
            )
        for series in self.series:
            for point in series.points:
                check_numbers((point.x,), f"x in {series.name!r}", log=self.log_x)
                check_numbers((point.y, *point.quartiles), f"y in {series.name!r}", log=self.log_y)

    def draw(self, width: float) -> "Figure":
        """The chart with its legend above it; its numbers have been checked.

        Args:
            width: in CSS pixels.
        """
        return _draw_plot(self, width)


def _draw_plot(plot: Plot, width: float) -> "Figure":
    named = [series.name for series in plot.series if series.name]
    columns = max(1, int(width // (CHARACTER * max(map(len, named), default=1) + 40)))
    rows = -(-len(named) // columns) if len(named) > 1 else 0
    figure, axes = new_figure(width, HEIGHT + rows * LEGEND_ROW)
    for number, series in sorted(enumerate(plot.series), key=lambda item: item[1].chosen):
        _draw_series(axes, number, series)
    _set_axes(axes, plot)
    axes.set_xlabel(fitted(plot.x_label, 0.8 * width))
    axes.set_ylabel(fitted(plot.y_label, 0.8 * HEIGHT))
    if rows:
        order = [series.name for series in plot.series]
        found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        shown = [name for name in order if name in found]
        handles = [found[name] for name in shown]
        figure.legend(handles, shown, loc="outside upper left", ncols=columns, fontsize=SMALL)
    _place_labels(figure, axes, plot)
    return figure


def _draw_series(axes: Any, number: int, series: Series) -> None:
    colour, dashes, marker = look(number)
    xs, ys = [point.x for point in series.points], [point.y for point in series.points]
    line = dashes if series.joined and len(xs) > 1 else "none"
    weight = {"linewidth": 3.0 if series.chosen else 1.8, "markersize": 8 if series.chosen else 5}
    order = 4 if series.chosen else 3
    axes.plot(
        xs,
        ys,
        color=colour,
        linestyle=line,
        marker=marker,
        label=series.name,
        zorder=order,
        **weight,
    )
    for known, points in groupby(series.points, key=lambda point: point.has_quartiles):
        if not known:
            continue
        run = list(points)
        places = [point.x for point in run]
        lows, highs = zip(*(point.quartiles for point in run), strict=True)
        if series.joined and len(run) > 1:
            axes.fill_between(places, lows, highs, color=colour, alpha=0.18, linewidth=0)
        else:
            axes.vlines(places, lows, highs, colour)


def _set_axes(axes: Any, plot: Plot) -> None:
    points = [point for series in plot.series for point in series.points]
    ys = [value for point in points for value in (point.y, *point.quartiles)]
    ticks_of(axes.xaxis, [point.x for point in points], log=plot.log_x)
    ticks_of(axes.yaxis, ys, log=plot.log_y)
    axes.margins(x=0.04, y=0.06)


def _place_labels(figure: "Figure", axes: Any, plot: Plot) -> None:
    """A label beside each point that has one, where no other label or point is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    marked = axes.transData.transform([(p.x, p.y) for s in plot.series for p in s.points])
    taken: list[Any] = []
    for series in plot.series:
        for point in series.points:
            if point.label:
                taken.append(_place_label(axes, point, series.chosen, (renderer, marked, taken)))


def _place_label(axes: Any, point: Any, strong: bool, around: tuple[Any, Any, list[Any]]) -> Any:
    renderer, marked, taken = around
    whole = axes.get_window_extent(renderer)
    text = axes.annotate(
        point.label,
        (point.x, point.y),
        xytext=NEARBY[0],
        textcoords="offset points",
        fontsize=SMALL,
        fontweight="bold" if strong else "normal",
        bbox={"facecolor": PAPER.light, "alpha": 0.7, "linewidth": 0, "pad": 0.5},
        zorder=5,
    )
    best: tuple[float, Any, Any] | None = None
    for x, y in NEARBY:
        text.set_position((x, y))
        text.set_horizontalalignment("left" if x > 0 else "right")
        box = text.get_window_extent(renderer)
        cost = sum(box.overlaps(other) for other in taken) + sum(box.contains(*m) for m in marked)
        cost += 10 * (box.x1 > whole.x1 or box.x0 < whole.x0)
        if best is None or cost < best[0]:
            best = cost, (x, y), box
        if not cost:
            break
    assert best is not None
    _, (x, y), box = best
    text.set_position((x, y))
    text.set_horizontalalignment("left" if x > 0 else "right")
    return box
