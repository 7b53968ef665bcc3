"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

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
SourceTask = Annotated[
    str,
    typer.Option(
        help="auto (by the checkpoint), embed, classify, tag, answer, rank, fill or next_sentence"
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

Choices = dict[str, Any]
"""Options as they were typed; the function that takes them refuses a name that is none."""

Epochs = Annotated[int, typer.Option(help="passes through the data")]
BatchSize = Annotated[int, typer.Option(help="rows per forward pass")]
Accumulate = Annotated[int, typer.Option(help="batches per optimizer step")]
LearningRate = Annotated[float, typer.Option(help="peak learning rate")]
Autocast = Annotated[
    str,
    typer.Option(
        help="dtype of the forward pass: auto (fp32 on a CPU; bf16, or else fp16, on CUDA), "
        "fp32, bf16 or fp16"
    ),
]
Device = Annotated[str, typer.Option(help="auto (cuda where there is a GPU), cpu or cuda")]
Seed = Annotated[int, typer.Option(help="random seed")]
ValidateEvery = Annotated[
    int | None, typer.Option(help="steps between validations (default: one epoch)")
]
Patience = Annotated[
    int | None,
    typer.Option(help="stop after this many validations without improvement (default: never)"),
]
Resume = Annotated[bool, typer.Option(help="go on with an interrupted training, from OUT.state.pt")]
