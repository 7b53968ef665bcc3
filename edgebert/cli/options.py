"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from edgebert_runtime.cli.options import BUNDLE_HELP, VARIANT_HELP

BundleFolder = Annotated[str, typer.Argument(metavar="BUNDLE", help=BUNDLE_HELP)]
TextsFile = Annotated[
    Path | None,
    typer.Option(
        help="typical texts for calibration and measurement: .txt, .csv, .jsonl or .parquet "
        "(default: English sentences that ship with CPython)"
    ),
]
TextsColumn = Annotated[
    str | None,
    typer.Option(
        help="column of that file with the texts (default: text, or the only column of a CSV file)"
    ),
]
MaxLength = Annotated[
    int | None,
    typer.Option(help="truncate texts to this many tokens (default: the model's limit)"),
]
Variant = Annotated[str, typer.Option(help=VARIANT_HELP)]
KeepDefault = Annotated[
    bool,
    typer.Option("--keep-default", help="do not make the new variant the bundle's default"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print only JSON on standard output")]
