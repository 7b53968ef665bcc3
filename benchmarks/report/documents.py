"""The documents that are made of the committed records."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.records import FILE, Record, read_records
from benchmarks.report.gpu import gpu_sections, not_measured
from benchmarks.report.headlines import filled
from benchmarks.report.markdown import write_markdown
from benchmarks.report.page import page_of
from edgebert_runtime.reporting.document import Page
from edgebert_runtime.reporting.html import write_html

ROOT: Final = Path(__file__).resolve().parents[2]
RESULTS: Final = ROOT / "benchmarks" / "results"
NUMBERED: Final = (ROOT / "README.md", ROOT / "docs" / "concepts" / "evidence.md")
"""Documents with headlines."""
PAGE: Final = ROOT / "docs" / "benchmarks.md"
FIGURES: Final = ROOT / "docs" / "figures"


def whole_page(records: Sequence[Record]) -> Page:
    """Every section, with those that nobody could measure yet."""
    page = page_of(records)
    missing = [] if gpu_sections(records) else [not_measured()]
    return replace(page, sections=[*page.sections, *missing])


def write_docs(results: Path = RESULTS) -> None:
    """Write the page of markdown, the report and the headlines of other documents.

    Raises:
        ValueError: a line of the results is no record.
        OutputError: a file cannot be written.
    """
    records = read_records(results / FILE)
    page = whole_page(records)
    write_html(page, results / "report.html")
    write_markdown(page, PAGE, FIGURES)
    for path in NUMBERED:
        path.write_text(filled(path.read_text(encoding="utf-8"), records), encoding="utf-8")
