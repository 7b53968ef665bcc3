"""Commands that make a smaller model of a checkpoint."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

import edgebert
from edgebert.cli.options import AsJson, TextsColumn
from edgebert.cli.terminal import print_json, print_report, say


def trim(
    source: Annotated[str, typer.Argument(help="checkpoint folder or Hub id")],
    out: Annotated[Path, typer.Argument(help="folder of the new checkpoint")],
    texts: Annotated[
        Path | None,
        typer.Option(
            help="texts whose tokens stay: .txt, .csv, .jsonl or .parquet (default: none)"
        ),
    ] = None,
    column: TextsColumn = None,
    languages: Annotated[
        str | None,
        typer.Option(
            help="languages such as de,fr: tokens with letters of other scripts go (default: all)"
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            help="tokens to keep at most: the most frequent ones of --texts, else those with the "
            "lowest ids (default: no limit)"
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            help="auto (by the checkpoint), embed, classify, tag, answer, rank, fill or "
            "next_sentence"
        ),
    ] = "auto",
    overwrite: Annotated[bool, typer.Option(help="replace an existing checkpoint")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove the tokens that a corpus or some languages do not need from a checkpoint."""
    report = edgebert.trim(
        source,
        out,
        texts=texts,
        column=column,
        languages=() if languages is None else languages.split(","),
        keep=keep,
        task=task,
        overwrite=overwrite,
        progress=True,
    )
    if as_json:
        print_json(report.to_dict())
    else:
        print_report(report)
    say(f"next: edgebert export {shlex.quote(str(out))} my-model")
