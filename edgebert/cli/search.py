"""The command that searches for a smaller model."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

import edgebert
from edgebert.cli.options import AsJson, SourceTask, TextsColumn
from edgebert.cli.terminal import print_json, print_report, say
from edgebert_runtime.errors import BudgetError
from edgebert_runtime.storage.atomic_write import check_places


def compress(
    source: Annotated[str, typer.Argument(help="checkpoint folder or Hub id")],
    out: Annotated[Path, typer.Argument(help="folder of the new bundle")],
    budget: Annotated[
        list[str],
        typer.Option(
            help="what may be lost: 'recall_drop<=3%' (vectors) or 'accuracy_drop<=1%' "
            "(a classifier); % means points"
        ),
    ],
    evaluation: Annotated[
        Path,
        typer.Option(
            "--eval",
            help="what the loss is measured on: columns text and positive for recall_drop, text "
            "and label for accuracy_drop",
        ),
    ],
    speed: Annotated[
        str | None,
        typer.Option(
            help="how many times as fast as the unchanged model in the same precision: 2x "
            "(default: any)"
        ),
    ] = None,
    latency_ms: Annotated[
        float | None,
        typer.Option(help="most milliseconds of one text of 32 tokens (default: any)"),
    ] = None,
    size_mb: Annotated[
        float | None,
        typer.Option(help="most size of the graph's files, in 10^6 bytes (default: any)"),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="typical texts, to choose tokens by and to learn from: .txt, .csv, .jsonl or "
            ".parquet (default: none, only precisions are tried)"
        ),
    ] = None,
    column: TextsColumn = None,
    task: SourceTask = "auto",
    time: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", help="end the search after so long (default: never)"),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(help="folder that keeps what was made and measured (default: OUT.work)"),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="write a page with charts of the search; replaces an existing file "
            "(default: to no file)",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="replace an existing bundle")] = False,
    as_json: AsJson = False,
) -> None:
    """Search for a faster or smaller model within a budget, and write its bundle."""
    from edgebert.search.aims import read_speed

    check_places(html)
    if html is not None:
        from edgebert.reporting.drawing import require_matplotlib

        require_matplotlib()
    try:
        report = edgebert.compress(
            source,
            out,
            budget=", ".join(budget),
            evaluation=evaluation,
            speed=None if speed is None else read_speed(speed),
            latency_ms=latency_ms,
            size_mb=size_mb,
            texts=texts,
            column=column,
            task=task,
            minutes=time,
            work=work,
            overwrite=overwrite,
            progress=True,
        )
    except BudgetError as error:
        _show(error.search, source, html, as_json=as_json)
        raise
    _show(report, source, html, as_json=as_json)
    say(f"next: edgebert-run bench {shlex.quote(str(out))}")


def _show(report: Any, source: str, html: Path | None, *, as_json: bool) -> None:
    """What a search measured, whether or not it found something."""
    if as_json:
        print_json(report.to_dict())
    else:
        print_report(report)
    if html is not None:
        from edgebert.search.page import page
        from edgebert_runtime.reporting.html import write_html

        write_html(page(report, Path(source).name), html)
