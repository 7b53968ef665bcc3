"""What the `edgebert` command shows: results on standard output, progress on standard error."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from edgebert.cli.bundle_summary import next_command, similarity, summary_lines
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.cli.output import output_width, print_lines
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.document import Page, Table
from edgebert_runtime.reporting.text_table import table_lines
from edgebert_runtime.storage.atomic_write import write_whole

errors = Console(stderr=True, highlight=False)


def say(step: str) -> None:
    """Say what is being done, or was, beside the results."""
    errors.print(step, markup=False, style="dim", soft_wrap=True)


def track_items(items: Sequence[Any], what: str) -> Iterable[Any]:
    """The items, with a bar while they are gone through."""
    return track(items, what, console=errors, transient=True)


def print_json(value: object) -> None:
    """A value as JSON, and nothing else."""
    print_lines([json.dumps(value, indent=2, ensure_ascii=False)])


def print_report(report: Report) -> None:
    """What a function returned, as its table."""
    print_lines(report.lines(output_width()))


def print_bundle(bundle: Bundle, *, quantized: bool) -> None:
    """What is in a bundle, and the next command.

    Args:
        bundle: as it is now.
        quantized: whether a variant was added just now.
    """
    print_lines(summary_lines(bundle, output_width()))
    print_lines(["", next_command(bundle, quantized=quantized)])


def print_file(out: Path, quality: Any) -> None:
    """How large a quantized file is, and how near to fp32."""
    size = out.stat().st_size / MEBIBYTE
    near = f"{similarity(quality.mean)} mean, {similarity(quality.worst)} worst"
    print_lines(
        [
            f"{out}: {size:.1f} MiB, {quality.metric} to fp32 {near} "
            f"({quality.text_count} {quality.data})"
        ]
    )


def show_search(search: Any, bundle: Path, html: Path | None, json_file: Path | None) -> None:
    """What a search within a budget found, as a table, and in the files that are asked for."""
    from edgebert.reporting.frontier import page
    from edgebert_runtime.reporting.html import write_html

    print_report(search)
    if json_file is not None:
        write_whole(json_file, json.dumps(search.to_dict(), indent=2) + "\n")
    if html is not None:
        write_html(page(search, bundle.resolve().name), html)


def print_page(page: Page) -> None:
    """Its lead and its tables."""
    print_lines(_page_lines(page, output_width()))


def _page_lines(page: Page, width: int | None) -> Iterator[str]:
    yield page.lead
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Table):
                yield from ("", section.title)
                yield from table_lines(block.columns, block.rows, width)
                yield from [block.caption] if block.caption else []
