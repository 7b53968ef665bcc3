"""Pages of `bench` and `compare` with charts, and what happens without the library that draws."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgebert.reporting.bars import Bars
from edgebert.reporting.drawn_pages import DrawnPages, drawn
from edgebert.reporting.plots import Plot
from edgebert_runtime.benchmarking import comparison_page
from edgebert_runtime.benchmarking.report import page
from edgebert_runtime.errors import OutputError
from edgebert_runtime.reporting.document import Page
from tests.support.bench_reports import REPORT


@dataclass(frozen=True)
class Change:
    name: str
    ratio: float | None
    is_known: bool = True


CHANGES = (Change("a", 0.8), Change("b", 1.25), Change("c", 1.5, is_known=False), Change("d", None))


def compared(changes: tuple[Change, ...]) -> Page:
    rows = [[change.name, str(change.ratio)] for change in changes]
    return comparison_page.page(("old", "new"), changes, ("", "ratio"), rows)


def test_charts_of_bench_stand_before_the_tables_of_their_sections() -> None:
    made = drawn(page(REPORT), REPORT)
    blocks = [block for section in made.sections for block in section.blocks]
    lengths, speeds, _ = (block for block in blocks if isinstance(block, Plot))
    assert [(series.name, series.chosen) for series in lengths.series] == [
        ("int8 with 1 thread", True),
        ("int8 with 2 threads", False),
        ("cpu with 2 threads", False),
    ]
    assert (lengths.series[0].points[0].x, lengths.series[0].points[0].high) == (32, 2.5)
    assert [(point.x, point.y) for point in speeds.series[1].points] == [(32, 16e3), (256, 25.6e3)]
    (bars,) = (block for block in blocks if isinstance(block, Bars))
    assert [(bar.name, bar.chosen) for bar in bars.bars] == [("int8", False), ("cpu", True)]


def test_bench_opens_with_each_variant_at_its_fastest() -> None:
    chart = drawn(page(REPORT), REPORT).chart
    assert isinstance(chart, Bars)
    totals = [bar.total for bar in chart.bars]
    assert totals == sorted(totals)
    assert [bar.chosen for bar in chart.bars] == [True, False]
    assert len({bar.name.partition(" ")[0] for bar in chart.bars}) == 2


def test_compare_opens_with_the_largest_known_ratio() -> None:
    made = drawn(compared(CHANGES), CHANGES)
    assert made.title == "Is new slower than old?"
    assert made.answer == "The largest ratio of times is 1.25: b."
    assert isinstance(made.chart, Bars)
    assert [(bar.name, bar.total, bar.chosen) for bar in made.chart.bars] == [
        ("a", 0.8, False),
        ("b", 1.25, True),
    ]


def test_compare_says_so_where_nothing_is_known() -> None:
    made = drawn(compared(CHANGES[2:]), CHANGES[2:])
    assert made.answer == "Unknown: another program slowed the machine."
    assert made.chart is None


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    assert DrawnPages().write(page(REPORT), REPORT, tmp_path / "page.html") == ""
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<svg") == 10
    with pytest.raises(OutputError, match="cannot be written"):
        DrawnPages().write(page(REPORT), REPORT, tmp_path / "gone" / "page.html")


def test_without_matplotlib_it_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from edgebert.cli.main import main\n"
        f"sys.argv = ['edgebert', 'bench', 'no-bundle', '--html', {str(tmp_path / 'a.html')!r}]\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "edgebert: charts are drawn by matplotlib, which is not installed; "
        "run pip install 'edgebert[report]'\n"
    )
    assert not list(tmp_path.iterdir())
