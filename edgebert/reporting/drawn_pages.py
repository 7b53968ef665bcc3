"""Pages of the commands that `edgebert` shares with `edgebert-run`, with charts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgebert_runtime.reporting.document import Chart, Page


class DrawnPages:
    """Tables with charts; as `edgebert_runtime.reporting.page_writer.PageWriter`."""

    def check(self) -> None:
        """Refuse to go on without the library that draws.

        Raises:
            ConfigError: matplotlib is not installed.
        """
        from edgebert.reporting.drawing import require_matplotlib

        require_matplotlib()

    def write(self, page: Page, results: object, destination: Path) -> str:
        """Write the page with the charts of its results.

        Raises:
            OutputError: it cannot be written; what was there is untouched.
        """
        from edgebert_runtime.reporting.html import write_html

        write_html(drawn(page, results), destination)
        return ""


def drawn(page: Page, results: object) -> Page:
    """A page of tables, with the charts of its results put before the tables of each section.

    Args:
        page: of `bench` or `compare`.
        results: `BenchResults`, or the changes that `compare` found.
    """
    from edgebert.reporting.bench import bench_answer, bench_charts
    from edgebert.reporting.comparison import ratio_bars
    from edgebert_runtime.benchmarking.results import BenchResults

    if isinstance(results, BenchResults):
        answer: Chart | None = bench_answer(results)
        charts = bench_charts(results)
    else:
        assert isinstance(results, Sequence)
        answer, charts = ratio_bars(results), {}
    sections = [
        replace(section, blocks=[*charts.get(section.title, ()), *section.blocks])
        for section in page.sections
    ]
    return replace(page, chart=answer, sections=sections)
