"""A search for a smaller model as a page with plots."""

from collections.abc import Callable, Sequence
from typing import Final

from edgebert.reporting.plots import Plot, Point, Series
from edgebert.search.result import CompressReport
from edgebert.search.trial import Trial
from edgebert_quantize.evaluation.accuracy import TITLES
from edgebert_runtime.reporting.document import Page, Section, Table

POINTS: Final = 100.0
"""Percentage points in a share of 1."""

Cost = Callable[[Trial], float]


def page(report: CompressReport, name: str) -> Page:
    """What is lost against time and size, with the budget as a line, and the table.

    Args:
        report: of a search that measured something.
        name: of the model.
    """
    shape = next(iter(report.trials[0].times))
    time = _plot(report, f"ms, {shape}", lambda trial: trial.milliseconds)
    size = _plot(report, "file, MB", lambda trial: trial.megabytes)
    caption = (
        "In the order of the search; an arrow marks what was written. ms is the median of rounds. "
        "Speed is over the unchanged model in the same precision, of the shape that gains least."
    )
    table = Table(columns=report.columns, rows=report.rows, caption=caption)
    return Page(
        title=f"How small can {name} be?",
        answer=_answer(report),
        chart=time,
        lead=f"All that the search for {report.aims} within `{report.budget.text}` measured.",
        sections=[
            Section(title="Size", blocks=[size]),
            Section(title="What was measured", blocks=[table]),
        ],
    )


def _answer(report: CompressReport) -> str:
    chosen = report.chosen
    if chosen is None:
        return f"Nothing is {report.aims} within `{report.budget.text}`."
    return (
        f"{chosen.name}: {chosen.speed:.2f}x, {chosen.megabytes:.1f} MB, "
        f"{TITLES[report.share]} lost {chosen.rows}."
    )


def _plot(report: CompressReport, x_label: str, cost: Cost) -> Plot:
    """A series for each precision, the chosen model above it, and the budget."""
    precisions = dict.fromkeys(trial.precision for trial in report.trials)
    series = [
        _series(
            precision,
            [trial for trial in report.trials if trial.precision == precision],
            cost,
            report.chosen,
        )
        for precision in precisions
    ]
    if report.chosen is not None:
        place = _place(report.chosen, cost, labelled=True)
        series.append(Series(name="chosen", points=[place], joined=False, chosen=True))
    xs = [point.x for each in series for point in each.points]
    limit = POINTS * report.budget.drops[report.share]
    ends = [Point(x=x, y=limit) for x in (min(xs), max(xs))]
    return Plot(
        x_label=x_label,
        y_label=f"{TITLES[report.share]} lost, points",
        series=[*series, Series(name="budget", points=ends)],
        log_x=True,
    )


def _series(name: str, trials: Sequence[Trial], cost: Cost, chosen: Trial | None) -> Series:
    points = [_place(trial, cost, labelled=trial != chosen) for trial in trials]
    return Series(name=name, points=points, joined=False)


def _place(trial: Trial, cost: Cost, *, labelled: bool) -> Point:
    label = " + ".join(trial.steps) if labelled else ""
    return Point(x=cost(trial), y=POINTS * trial.rows.drop, label=label)
