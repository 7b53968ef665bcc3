"""What the `edgebert` command shows: results on standard output, progress on standard error."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.document import Page
from edgebert_runtime.reporting.document import Table as PageTable

errors = Console(stderr=True, highlight=False)
output = Console(highlight=False)


def say(step: str) -> None:
    """Say what is being done, or was, beside the results."""
    errors.print(step, markup=False, style="dim", soft_wrap=True)


def track_items(items: Sequence[Any], what: str) -> Iterable[Any]:
    """The items, with a bar while they are gone through."""
    return track(items, what, console=errors, transient=True)


def print_json(value: object) -> None:
    """A value as JSON, and nothing else."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_file(out: Path, quality: Any) -> None:
    """How large a quantized file is, and how near to fp32."""
    size = out.stat().st_size / MEBIBYTE
    output.print(
        f"{out}: {size:.1f} MiB, {quality.metric} to fp32 {quality.mean:.4f} on average and "
        f"{quality.worst:.4f} at worst over {quality.text_count} {quality.data}",
        soft_wrap=True,
    )


def show_search(search: Any, bundle: Path, plot: Path) -> None:
    """What a search within a budget found, as a table and in a file as a plot."""
    from edgebert.cli import pareto_report
    from edgebert_quantize.search.plotting import draw

    typer.echo(search)
    draw(pareto_report.page(search, bundle.resolve().name), plot)
    say(f"drawn to {plot}")


def print_page(page: Page) -> None:
    """Its lead and its tables."""
    output.print(page.lead, markup=False, soft_wrap=True)
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, PageTable):
                table = _table(*block.columns)
                table.title, table.caption = section.title, block.caption
                for row in block.rows:
                    table.add_row(*row)
                output.print(table)


def _table(*columns: str) -> Table:
    table = Table()
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    return table


def variants_table(bundle: Bundle) -> Table:
    """Every variant: its file, its size, how near it is, what is fused."""
    table = _table("variant", "file", "MiB", "against torch or fp32", "fused")
    for name, variant in bundle.manifest.variants.items():
        fused = ", ".join(f"{count} {fusion}" for fusion, count in variant.fusions.items())
        size = f"{bundle.size_bytes(variant) / MEBIBYTE:.1f}"
        table.add_row(name, variant.file, size, _measured(variant), fused)
    return table


def _measured(variant: Variant) -> str:
    if variant.parity is not None:
        return f"worst difference {variant.parity['worst']:.1e}"
    if variant.quality is not None:
        kind = variant.quality["metric"].partition(" of ")[0]
        agreement = variant.quality.get("agreement")
        agree = f", {agreement['metric']} {agreement['value']:.4f}" if agreement else ""
        return f"{kind} {variant.quality['mean']:.4f}, worst {variant.quality['worst']:.4f}{agree}"
    return "not measured"
