"""A report as plain text."""

from collections.abc import Iterator, Sequence

from edgebert_runtime.benchmarking import formatting
from edgebert_runtime.benchmarking.results import BenchResults
from edgebert_runtime.inference.reports import aligned


def report_lines(report: BenchResults) -> Iterator[str]:
    """All of a report for a terminal or a file, line by line."""
    yield formatting.heading(report)
    yield formatting.machine_line(report)
    yield from formatting.notes(report)
    yield ""
    yield from aligned(formatting.TIMINGS, formatting.timing_rows(report))
    yield ""
    yield from aligned(formatting.STARTS, formatting.start_rows(report))
    for choice in {choice.batch: choice for choice in (report.latency, report.throughput)}.values():
        yield from _block(
            formatting.ranking_title(choice), formatting.ranking_lines(report, choice)
        )
    if report.tuned is not None:
        yield from _block("best here", formatting.tuned_lines(report.tuned))
    if report.budget_ms is not None:
        rows = aligned(formatting.FITTING, formatting.fitting_rows(report))
        yield from _block(formatting.budget_title(report.budget_ms), rows)


def _block(title: str, lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield ""
    yield title
    for line in lines:
        yield f"  {line}"
