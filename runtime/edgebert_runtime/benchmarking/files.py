"""The files a benchmark writes: its record as JSON, and a page."""

from collections.abc import Sequence
from pathlib import Path
from shlex import join

from edgebert_runtime.benchmarking.results import BenchResults
from edgebert_runtime.reporting.page_writer import PageWriter
from edgebert_runtime.storage.atomic_write import check_places, write_whole


def check_files(json_file: Path | None, html_file: Path | None, pages: PageWriter) -> None:
    """Refuse, before anything is measured, what could not be written in the end.

    Raises:
        ConfigError, OutputError: as `check_places` and `PageWriter.check`.
    """
    check_places(json_file, html_file)
    if html_file is not None:
        pages.check()


def write_files(
    report: BenchResults,
    json_file: Path | None,
    html_file: Path | None,
    command: Sequence[str],
    pages: PageWriter,
) -> str:
    """Write what was asked for; returns what to say of the page, or nothing.

    Args:
        report: the benchmark.
        json_file: its record.
        html_file: its page.
        command: that measured it, for the page.
        pages: writes the page.

    Raises:
        OutputError: a file cannot be written.
    """
    if json_file is not None:
        write_whole(json_file, report.to_json())
    if html_file is None:
        return ""
    from edgebert_runtime.benchmarking.report import page

    return pages.write(page(report, join(command)), report, html_file)
