"""A search as a page."""

from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from edgebert.reporting import frontier
from edgebert.reporting.plots import Plot
from edgebert_quantize import Search
from edgebert_quantize.evaluation.accuracy import Accuracy
from edgebert_quantize.evaluation.speed import Speed
from edgebert_quantize.search.budget import Budget, Measured
from edgebert_quantize.search.trials import Assignment, Point
from edgebert_runtime import Bundle
from edgebert_runtime.reporting.document import Page, Table
from edgebert_runtime.tasks.agreement import Agreement
from tests.support.tiny_manifest import write_bundle

AGREEMENT = Agreement(metric="labels", value=0.98, flipped=1, counted=50, unit="texts")
SAME = replace(AGREEMENT, value=1.0, flipped=0)
LOST = Accuracy(rows=300, fp32_right=290, lost=2, gained=1, flipped=5)
NONE_LOST = replace(LOST, lost=0, gained=0, flipped=0)


def graph(
    mean: float, mebibytes: int, milliseconds: float | None, *schemes: str, source_ms: float = 4.0
) -> Point:
    times = None if milliseconds is None else (milliseconds,) * 3
    return Point(
        assignment=Assignment(schemes=schemes, tables=True),  # type: ignore[arg-type]
        measured=Measured(mean=mean, worst=mean / 2, agreement=AGREEMENT, accuracy=LOST),
        size_bytes=mebibytes * 2**20,
        speed=None if times is None else Speed(candidate_ms=times, source_ms=(source_ms,) * 3),
    )


@pytest.fixture
def search(tmp_path: Path) -> Search:
    write_bundle(tmp_path, b"none")
    tried = (
        graph(0.9, 10, 1.0, "per_tensor_static", "per_tensor_static"),
        graph(nan, 15, 1.5, "per_tensor_static", "per_token_dynamic"),
        graph(0.99, 20, 3.0, "per_tensor_static", "float", source_ms=6.0),
        graph(1.0, 40, None, "float", "float"),
    )
    return Search(
        bundle=Bundle.open(tmp_path),
        budget=Budget(text="cosine>=0.95", mean=0.95),
        frontier=tried,
        chosen=tried[2],
        exact=Measured(mean=1.0, worst=1.0, agreement=SAME, accuracy=NONE_LOST),
        source_bytes=80 * 2**20,
    )


def plots(search: Search) -> list[Plot]:
    page = page_of(search)
    return [block for block in (page.chart, *page.sections[0].blocks) if isinstance(block, Plot)]


def page_of(search: Search) -> Page:
    return frontier.page(search, "mine")


def series(plot: Plot) -> dict[str, list[tuple[float, float]]]:
    return {each.name: [(point.x, point.y) for point in each.points] for each in plot.series}


def test_plots_have_what_was_measured_the_original_and_the_budget(search: Search) -> None:
    """Timed in other minutes, fp32 took 4, 4 and 6 ms: a time is the ratio × their median."""
    time, size = plots(search)
    measured, chosen, original, budget = time.series
    assert [point.x for point in measured.points] == [1.0, 2.0]  # not what has no time or mean
    assert [point.label for point in measured.points] == ["2 static", ""]
    assert [(point.x, point.label) for point in chosen.points] == [(2.0, "1 static, 1 float")]
    assert chosen.chosen
    assert [(point.x, point.y) for point in original.points] == [(4.0, frontier.SMALLEST_LOSS)]
    assert series(time)["budget"] == [(1.0, pytest.approx(0.05)), (4.0, pytest.approx(0.05))]
    assert series(size)["fp32"] == [(80.0, frontier.SMALLEST_LOSS)]
    losses = [point.y for point in size.series[0].points]
    assert losses == pytest.approx([0.1, 0.01, frontier.SMALLEST_LOSS])
    assert (budget.name, time.y_label) == ("budget", "1 - mean similarity to fp32")


@pytest.mark.parametrize(
    ("limits", "label", "chosen", "original", "limit"),
    [
        ({"worst": 0.4}, "worst", 0.505, frontier.SMALLEST_LOSS, 0.6),
        ({"agreement": 0.95}, "agreement", 0.02, 0.0, 0.05),
        ({"accuracy_drop": 0.005}, "accuracy lost, points", 100 / 300, 0.0, 0.5),
        ({"recall_drop": 0.005}, "recall@1 lost, points", 100 / 300, 0.0, 0.5),
    ],
)
def test_a_plot_shows_what_the_budget_limits(
    search: Search,
    limits: dict[str, float],
    label: str,
    chosen: float,
    original: float,
    limit: float,
) -> None:
    rows = {"accuracy": None, "recall": LOST}
    if "recall_drop" in limits:  # of vectors, which have no accuracy
        tried = [replace(each, measured=replace(each.measured, **rows)) for each in search.frontier]
        exact = replace(search.exact, accuracy=None, recall=NONE_LOST)
        search = replace(search, frontier=tried, chosen=tried[2], exact=exact)
    found = plots(replace(search, budget=Budget(text="limits", **limits)))
    assert [label in plot.y_label for plot in found] == [True, True]
    for plot in found:
        drawn = series(plot)
        assert drawn["chosen"][0][1] == pytest.approx(chosen)
        assert drawn["fp32"][0][1] == pytest.approx(original)
        assert [y for _, y in drawn["budget"]] == pytest.approx([limit, limit])
        assert plot.html()


def test_several_limits_have_plots_each(search: Search) -> None:
    budget = Budget(text="several", mean=0.9, accuracy_drop=0.01)
    labels = [plot.y_label for plot in plots(replace(search, budget=budget))]
    assert labels == ["1 - mean similarity to fp32"] * 2 + ["accuracy lost, points"] * 2


def test_the_table_has_every_graph_and_the_original(search: Search) -> None:
    page = page_of(search)
    (table,) = page.sections[1].blocks
    assert isinstance(table, Table)
    assert table.rows[2] == [
        "→ 1 static, 1 float", "int8", "20.0", "2.00", "0.50", "0.99000", "0.49500", "0.9800",
        "0.33 ± 0.66 points, 1 of 300 rows", "5", "yes",
    ]  # fmt: skip
    assert [row[-1] for row in table.rows] == ["no", "no", "yes", "yes", "yes"]
    assert table.rows[3][3:5] == ["", ""]
    assert table.rows[4][:7] == ["fp32", "float", "80.0", "4.00", "1.00", "1.00000", "1.00000"]
    assert "cosine>=0.95" in page.lead


def test_the_page_opens_with_the_chosen_graph(search: Search) -> None:
    page = page_of(search)
    assert page.answer == (
        "1 static, 1 float: similarity 0.99000 to fp32, 0.25 of fp32's size, 0.50 of its time."
    )
    assert isinstance(page.chart, Plot)
    assert page.chart.x_label == "ms a text"
    none = page_of(replace(search, chosen=None))
    assert none.answer.startswith("No graph meets")
