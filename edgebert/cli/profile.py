"""The command `profile`, which loads no torch."""

import json
from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli.options import BundleFolder, Variant
from edgebert.cli.terminal import print_page


def profile(
    bundle: BundleFolder,
    variant: Variant = "auto",
    batch: Annotated[int, typer.Option(help="number of texts")] = 1,
    sequence: Annotated[
        int | None,
        typer.Option(help="tokens per text (default: 128, or the model's limit if that is less)"),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="intra-operator threads (default: every core)")
    ] = None,
    runs: Annotated[int, typer.Option(help="number of runs; medians are reported")] = 50,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="also write the profile as JSON (default: to no file)"
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="also write an HTML page with charts (default: to no file)"
        ),
    ] = None,
) -> None:
    """Measure the time of each operator and layer, and of the matrix products alone."""
    from edgebert import profiling
    from edgebert.profiling.page import page_of
    from edgebert.reporting.drawing import require_matplotlib
    from edgebert_runtime.progress import steps
    from edgebert_runtime.reporting.html import write_html
    from edgebert_runtime.storage.atomic_write import check_places, write_whole

    check_places(json_file, html)
    if html is not None:
        require_matplotlib()
    with steps(True) as tell:
        report = profiling.profile(
            bundle,
            variant,
            batch=batch,
            sequence=sequence,
            threads=threads,
            runs=runs,
            progress=tell,
        )
    page = page_of(report)
    print_page(page)
    if json_file is not None:
        write_whole(json_file, json.dumps(report.to_dict(), indent=2) + "\n")
    if html is not None:
        write_html(page, html)
