"""A search as a page."""

from math import nan
from pathlib import Path

import pytest

from edgebert.cli import pareto_report
from edgebert_quantize import Search
from edgebert_quantize.evaluation.speed import Speed
from edgebert_quantize.search.budget import Budget, Measured
from edgebert_quantize.search.plotting import check_plot, draw
from edgebert_quantize.search.trials import Assignment, Point
from edgebert_runtime import Bundle
from edgebert_runtime.errors import ConfigError, OutputError
from edgebert_runtime.reporting.document import Plot, Table
from tests.support.tiny_manifest import write_bundle


def graph(mean: float, mebibytes: int, milliseconds: float | None, *schemes: str) -> Point:
    times = None if milliseconds is None else (milliseconds,) * 3
    return Point(
        assignment=Assignment(schemes=schemes, tables=True),  # type: ignore[arg-type]
        measured=Measured(mean=mean, worst=mean, accuracy=None),
        size_bytes=mebibytes * 2**20,
        speed=None if times is None else Speed(candidate_ms=times, source_ms=(4.0, 4.0, 4.0)),
    )


@pytest.fixture
def search(tmp_path: Path) -> Search:
    write_bundle(tmp_path, b"none")
    tried = (
        graph(0.9, 10, 1.0, "per_tensor_static", "per_tensor_static"),
        graph(nan, 15, 1.5, "per_tensor_static", "per_token_dynamic"),
        graph(0.99, 20, 2.0, "per_tensor_static", "float"),
        graph(1.0, 40, None, "float", "float"),
    )
    return Search(
        bundle=Bundle.open(tmp_path),
        budget=Budget(text="cosine>=0.95", mean=0.95),
        frontier=tried,
        chosen=tried[2],
        exact=Measured(mean=1.0, worst=1.0, accuracy=None),
    )


def test_plots_have_what_was_measured(search: Search) -> None:
    time, size = pareto_report.page(search, "mine").sections[0].blocks
    assert isinstance(time, Plot)
    assert isinstance(size, Plot)
    measured, chosen = time.series
    assert [point.x for point in measured.points] == [1.0, 2.0]  # not what has no time or mean
    assert [point.label for point in measured.points] == ["2 static", ""]
    assert [(point.x, point.label) for point in chosen.points] == [(2.0, "1 static, 1 float")]
    assert chosen.chosen
    losses = [point.y for point in size.series[0].points]
    assert losses == pytest.approx([0.1, 0.01, pareto_report.SMALLEST_LOSS])


def test_the_table_has_every_graph(search: Search) -> None:
    page = pareto_report.page(search, "mine")
    (table,) = page.sections[1].blocks
    assert isinstance(table, Table)
    assert table.rows[2] == [
        "→ 1 static, 1 float", "int8", "20.0", "2.00", "0.50", "0.99000", "0.99000", "yes",
    ]  # fmt: skip
    assert [row[-1] for row in table.rows] == ["no", "no", "yes", "yes"]
    assert table.rows[3][3:5] == ["", ""]
    assert "cosine>=0.95" in page.lead


def test_a_search_is_drawn_as_either(search: Search, tmp_path: Path) -> None:
    page = pareto_report.page(search, "mine")
    for ending, start in ((".svg", "<svg "), (".html", "<!DOCTYPE html>")):
        place = check_plot(tmp_path / f"frontier{ending}")
        draw(page, place)
        assert place.read_text(encoding="utf-8").startswith(start)
    with pytest.raises(OutputError, match=r"frontier\.svg cannot be written"):
        draw(page, tmp_path / "gone" / "frontier.svg")


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected one of \.svg, \.html"):
        check_plot(tmp_path / name)
