"""A search for a quantization, as a table and as a plot."""

from collections.abc import Sequence

from rich.table import Table

from edgebert_quantize import Search
from edgebert_quantize.budget import accuracy_drop
from edgebert_quantize.plotting import Mark, Panel
from edgebert_quantize.recipes import FLOAT, counted
from edgebert_quantize.trials import Point

MEBIBYTE = 2**20
SMALLEST_LOSS = 1e-6
"""What a loss of nothing is drawn as on a logarithmic axis."""


def table(search: Search) -> Table:
    """Every graph that was measured, from the cheapest to the most exact; the chosen marked."""
    columns = ["layers", "tables", "MiB", "ms", "time over fp32", "nearness", "worst"]
    judged = search.exact.accuracy is not None
    found = Table("", *columns, *(["accuracy lost"] if judged else []), "keeps the budget")
    for point in search.frontier:
        kept = search.budget.kept_by(point.measured, search.exact)
        lost = [f"{100 * accuracy_drop(point.measured, search.exact):.2f} %"] if judged else []
        chosen = "→" if point == search.chosen else ""
        found.add_row(chosen, *_row(point), *lost, "yes" if kept else "no")
    return found


def panels(search: Search) -> list[Panel]:
    """Loss of quality against time, where it was measured, and against size."""
    timed = [
        _mark(search, point, point.milliseconds)
        for point in search.frontier
        if point.milliseconds is not None
    ]
    sized = [_mark(search, point, point.size_bytes / MEBIBYTE) for point in search.frontier]
    loss = "1 - mean nearness to fp32"
    found = [Panel(x_label="file, MiB", y_label=loss, marks=sized, joined=True)]
    if timed:
        found.insert(0, Panel(x_label="ms a text", y_label=loss, marks=timed, joined=True))
    return found


def _row(point: Point) -> Sequence[str]:
    ratio = None if point.speed is None else sorted(point.speed.ratios)
    return (
        counted(point.assignment.counts),
        "int8" if point.assignment.tables else FLOAT,
        f"{point.size_bytes / MEBIBYTE:.1f}",
        "" if point.milliseconds is None else f"{point.milliseconds:.2f}",
        "" if ratio is None else f"{ratio[len(ratio) // 2]:.2f}",
        f"{point.measured.mean:.5f}",
        f"{point.measured.worst:.5f}",
    )


def _mark(search: Search, point: Point, x: float) -> Mark:
    return Mark(
        x=x,
        y=max(1 - point.measured.mean, SMALLEST_LOSS),
        label=_row(point)[0],
        chosen=point == search.chosen,
    )
