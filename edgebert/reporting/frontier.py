"""A search for a quantization as a page with plots."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from edgebert.reporting import plots
from edgebert_quantize.recipes import format_counts
from edgebert_quantize.search.budget import Budget, Measured
from edgebert_quantize.search.result import ORIGINAL, Frontier
from edgebert_quantize.search.trials import Point
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting import document

SMALLEST_LOSS: Final = 1e-6
"""What a loss of nothing is drawn as on a logarithmic axis."""

POINTS: Final = 100.0
"""Percentage points in a share of 1."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What a budget limits, as a loss that is drawn.

    Attributes:
        label: of the axis.
        limit: of a budget, as a loss; None if it does not limit this.
        loss: of a measurement.
        log: whether the axis is logarithmic.
    """

    label: str
    limit: Callable[[Budget], float | None]
    loss: Callable[[Measured], float | None]
    log: bool = False


QUANTITIES: Final = (
    Quantity(
        label="1 - mean similarity to fp32",
        limit=lambda budget: _lost(budget.mean),
        loss=lambda measured: 1 - measured.mean,
        log=True,
    ),
    Quantity(
        label="1 - similarity of the worst text to fp32",
        limit=lambda budget: _lost(budget.worst),
        loss=lambda measured: 1 - measured.worst,
        log=True,
    ),
    Quantity(
        label="1 - agreement of the answers with fp32",
        limit=lambda budget: _lost(budget.agreement),
        loss=lambda measured: _lost(measured.agreement.value if measured.agreement else None),
    ),
    Quantity(
        label="accuracy lost, points",
        limit=lambda budget: _in_points(budget.accuracy_drop),
        loss=lambda measured: _in_points(measured.accuracy.drop if measured.accuracy else None),
    ),
    Quantity(
        label="recall@1 lost, points",
        limit=lambda budget: _in_points(budget.recall_drop),
        loss=lambda measured: _in_points(measured.recall.drop if measured.recall else None),
    ),
)


def _lost(kept: float | None) -> float | None:
    return None if kept is None else 1 - kept


def _in_points(share: float | None) -> float | None:
    return None if share is None else POINTS * share


def page(search: Frontier, name: str) -> document.Page:
    """What each limit is on against time, where it was measured, and size; then the table."""
    drawn = _plots(search)
    return document.Page(
        title=f"What does quality cost {name}?",
        answer=_answer(search),
        chart=next(drawn, None),
        lead=f"Every graph that the search for `{search.budget.text}` measured.",
        sections=[
            document.Section(title="Other limits and costs", blocks=list(drawn)),
            document.Section(title="What was measured", blocks=[_page_table(search)]),
        ],
    )


def _answer(search: Frontier) -> str:
    chosen = search.chosen
    if chosen is None:
        return f"No graph meets `{search.budget.text}`."
    layers = format_counts(chosen.assignment.counts)
    size = f"{chosen.size_bytes / search.source_bytes:.2f} of fp32's size"
    time = "" if chosen.over_fp32 is None else f", {chosen.over_fp32:.2f} of its time"
    return f"{layers}: similarity {chosen.measured.mean:.5f} to fp32, {size}{time}."


def _plots(search: Frontier) -> Iterator[plots.Plot]:
    times = [search.milliseconds(point) for point in search.frontier]
    sizes = [point.size_bytes / MEBIBYTE for point in search.frontier]
    for quantity in QUANTITIES:
        if quantity.limit(search.budget) is None:
            continue
        if search.reference_ms is not None:
            yield _plot(search, quantity, "ms a text", times, search.reference_ms)
        yield _plot(search, quantity, "file, MiB", sizes, search.source_bytes / MEBIBYTE)


def _plot(
    search: Frontier,
    quantity: Quantity,
    x_label: str,
    places: Sequence[float | None],
    original: float,
) -> plots.Plot:
    """A line through all points, the chosen one above it, fp32, and the budget."""
    drawn = [
        (point, place)
        for point, x in zip(search.frontier, places, strict=True)
        if (place := _place(quantity, point.measured, x)) is not None
    ]
    every = [_labelled(place, point, point != search.chosen) for point, place in drawn]
    chosen = [_labelled(place, point, True) for point, place in drawn if point == search.chosen]
    exact = _place(quantity, search.exact, original)
    series = [
        plots.Series(name="measured", points=every),
        plots.Series(name="chosen", points=chosen, joined=False, chosen=True),
        plots.Series(name=ORIGINAL, points=[exact] if exact else [], joined=False),
    ]
    xs = [point.x for each in series for point in each.points]
    return plots.Plot(
        x_label=x_label,
        y_label=quantity.label,
        series=[*(each for each in series if each.points), _limit(search, quantity, xs)],
        log_x=True,
        log_y=quantity.log,
    )


def _place(quantity: Quantity, measured: Measured, x: float | None) -> plots.Point | None:
    loss = quantity.loss(measured)
    if x is None or loss is None or not isfinite(loss):
        return None
    return plots.Point(x=x, y=_drawn(quantity, loss))


def _drawn(quantity: Quantity, loss: float) -> float:
    return max(loss, SMALLEST_LOSS) if quantity.log else loss


def _labelled(place: plots.Point, point: Point, labelled: bool) -> plots.Point:
    label = format_counts(point.assignment.counts) if labelled else ""
    return plots.Point(x=place.x, y=place.y, label=label)


def _limit(search: Frontier, quantity: Quantity, xs: Sequence[float]) -> plots.Series:
    """The budget: what lies on this line or below it is accepted."""
    y = _drawn(quantity, quantity.limit(search.budget) or 0.0)
    ends = [plots.Point(x=x, y=y) for x in (min(xs), max(xs))]
    return plots.Series(name="budget", points=ends)


def _page_table(search: Frontier) -> document.Table:
    caption = (
        "From the cheapest to the most exact, then fp32; an arrow marks what was chosen. ms is the "
        "time over fp32 × one time of fp32."
    )
    return document.Table(columns=search.columns, rows=search.rows, caption=caption)
