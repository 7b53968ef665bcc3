"""Commands that run a bundle on this machine, none of which loads torch."""

import json
from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli.options import BundleFolder, Provider, ProviderOptions, Variant
from edgebert.cli.terminal import print_page, say
from edgebert_runtime.cli.main import command_lines
from edgebert_runtime.cli.tasks import answer_lines
from edgebert_runtime.engine.providers import parse_options


def run(
    bundle: BundleFolder,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT…|-]",
            help="texts, the question or query first; - or none reads standard input",
        ),
    ] = None,
    variant: Variant = "auto",
    provider: Provider = "auto",
    provider_option: ProviderOptions = None,
) -> None:
    """Run the bundle's task on texts; prints a JSON line for each result."""
    from edgebert_runtime.loading.options import LoadOptions

    options = LoadOptions.of(provider, parse_options(provider_option or ()))
    for line in answer_lines(bundle, texts or [], variant, options):
        typer.echo(line)


def bench(context: typer.Context) -> None:
    """Measure variants, batch sizes, lengths and threads on this machine, and rank them."""
    for line in command_lines(["bench", *context.args], program="edgebert"):
        typer.echo(line)


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
        Path | None, typer.Option("--json", metavar="FILE", help="also write the profile as JSON")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="also write an HTML page with charts")
    ] = None,
) -> None:
    """Measure the time of each operator and layer, and of the matrix products alone."""
    from edgebert import profiling
    from edgebert.profiling.page import page_of
    from edgebert_runtime.reporting.html import write_html
    from edgebert_runtime.storage.atomic_write import check_places, write_whole

    check_places(json_file, html)
    report = profiling.profile(
        bundle,
        variant,
        batch=batch,
        sequence=sequence,
        threads=threads,
        runs=runs,
        progress=say,
    )
    page = page_of(report)
    print_page(page)
    if json_file is not None:
        write_whole(json_file, json.dumps(report.to_dict(), indent=2) + "\n")
    if html is not None:
        write_html(page, html)
