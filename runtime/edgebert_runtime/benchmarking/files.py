"""The files a benchmark writes: its record as JSON, and a page."""

from collections.abc import Sequence
from pathlib import Path
from shlex import join

from edgebert_runtime.benchmarking.results import BenchResults
from edgebert_runtime.storage.atomic_write import check_places, write_whole


def check_files(json_file: Path | None, html_file: Path | None) -> None:
    """Refuse, before anything is measured, what could not be written in the end.

    Raises:
        ConfigError, OutputError: as `check_places`.
    """
    check_places(json_file, html_file)


def write_files(
    report: BenchResults, json_file: Path | None, html_file: Path | None, command: Sequence[str]
) -> None:
    """Write what was asked for.

    Args:
        report: the benchmark.
        json_file: its record.
        html_file: its page.
        command: that measured it, for the page.

    Raises:
        OutputError: a file cannot be written.
    """
    if json_file is not None:
        write_whole(json_file, report.to_json())
    if html_file is not None:
        from edgebert_runtime.benchmarking.report import page
        from edgebert_runtime.reporting.html import write_html

        write_html(page(report, join(command)), html_file)
