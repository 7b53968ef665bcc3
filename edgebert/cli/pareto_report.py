"""A search for a quantization as a page with plots."""

from collections.abc import Sequence
from math import isfinite

from edgebert_quantize import Search
from edgebert_quantize.recipes import format_counts
from edgebert_quantize.search.trials import Point
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting import document

SMALLEST_LOSS = 1e-6
"""What a loss of nothing is drawn as on a logarithmic axis."""


def page(search: Search, name: str) -> document.Page:
    """Loss of quality against time, where it was measured, and against size; then the table."""
    times = [point.milliseconds for point in search.frontier]
    sizes = [point.size_bytes / MEBIBYTE for point in search.frontier]
    plots = [_plot(search, "file, MiB", sizes)]
    if any(time is not None for time in times):
        plots.insert(0, _plot(search, "ms a text", times))
    return document.Page(
        title=f"{name}: quality and cost",
        lead=f"Every graph that the search for `{search.budget.text}` measured.",
        sections=[
            document.Section(title="What quality costs", blocks=plots),
            document.Section(title="What was measured", blocks=[_page_table(search)]),
        ],
    )


def _plot(search: Search, x_label: str, places: Sequence[float | None]) -> document.Plot:
    """One line through all points, and the chosen one above it."""
    drawn = [
        (point, x)
        for point, x in zip(search.frontier, places, strict=True)
        if x is not None and isfinite(point.measured.mean)
    ]
    every = [_place(point, x, labelled=point != search.chosen) for point, x in drawn]
    chosen = [_place(point, x, labelled=True) for point, x in drawn if point == search.chosen]
    marked = document.Series(name="chosen", points=chosen, joined=False, chosen=True)
    return document.Plot(
        x_label=x_label,
        y_label="1 - mean similarity to fp32",
        series=[document.Series(name="measured", points=every), *([marked] if chosen else [])],
        log_x=True,
        log_y=True,
    )


def _place(point: Point, x: float, *, labelled: bool) -> document.Point:
    label = format_counts(point.assignment.counts) if labelled else ""
    return document.Point(x=x, y=max(1 - point.measured.mean, SMALLEST_LOSS), label=label)


def _page_table(search: Search) -> document.Table:
    caption = "From the cheapest to the most exact; an arrow marks what was chosen."
    rows = [search.row(point) for point in search.frontier]
    return document.Table(columns=search.columns, rows=rows, caption=caption)
