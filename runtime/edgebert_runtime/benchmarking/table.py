"""A report as plain text."""

from collections.abc import Iterator, Sequence
from typing import Final

from edgebert_runtime.benchmarking import formatting
from edgebert_runtime.benchmarking.results import BenchResults
from edgebert_runtime.reporting.text_table import table_lines

INDENT: Final = "  "


def report_lines(report: BenchResults, width: int | None = None) -> Iterator[str]:
    """All of a report for a terminal or a file, line by line.

    Args:
        report: what was measured.
        width: characters in a line of a table; None is any number.
    """
    yield formatting.heading(report)
    yield formatting.machine_line(report)
    yield from formatting.notes(report)
    yield ""
    yield from table_lines(formatting.TIMINGS, formatting.timing_rows(report), width)
    yield ""
    yield from table_lines(formatting.STARTS, formatting.start_rows(report), width)
    for choice in {choice.batch: choice for choice in (report.latency, report.throughput)}.values():
        yield from _block(
            formatting.ranking_title(choice), formatting.ranking_lines(report, choice)
        )
    if report.tuned is not None:
        yield from _block("best here", formatting.tuned_lines(report.tuned))
    if report.budget_ms is not None:
        inner = None if width is None else width - len(INDENT)
        rows = table_lines(formatting.FITTING, formatting.fitting_rows(report), inner)
        yield from _block(formatting.budget_title(report.budget_ms), rows)


def _block(title: str, lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield ""
    yield title
    for line in lines:
        yield f"{INDENT}{line}"
