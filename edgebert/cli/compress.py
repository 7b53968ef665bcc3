"""Commands that make a smaller model of a checkpoint."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

import edgebert
from edgebert.cli.options import (
    Accumulate,
    AsJson,
    Autocast,
    BatchSize,
    Choices,
    Device,
    Epochs,
    LearningRate,
    MaxLength,
    Patience,
    Resume,
    Seed,
    SourceTask,
    TextsColumn,
    ValidateEvery,
)
from edgebert.cli.terminal import print_json, print_report, say

PairColumn = Annotated[
    str | None,
    typer.Option(
        help="column of that file with the second texts (default: none, an item is one text)"
    ),
]


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
    task: SourceTask = "auto",
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


def prune(
    source: Annotated[str, typer.Argument(help="checkpoint folder or Hub id")],
    out: Annotated[Path, typer.Argument(help="folder of the new checkpoint")],
    texts: Annotated[
        Path, typer.Option(help="texts to prune by, no labels: .txt, .csv, .jsonl or .parquet")
    ],
    speed: Annotated[
        str | None,
        typer.Option(
            help="how much faster int8 becomes on this machine, such as 1.5x (default: the "
            "fastest that keeps --budget)"
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help='limits on what is lost, such as "cosine>=0.98" or "recall_drop<=1%" '
            "(default: no limit)"
        ),
    ] = None,
    column: TextsColumn = None,
    column_pair: PairColumn = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            "--eval",
            help="right answers: columns text and positive for vectors, text and label for "
            "classifiers (default: none)",
        ),
    ] = None,
    task: SourceTask = "auto",
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option(help="replace an existing checkpoint")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove heads and neurons that a model's answers owe least to, without training."""
    from edgebert.search.aims import read_speed

    report = edgebert.prune(
        source,
        out,
        texts=texts,
        speed=None if speed is None else read_speed(speed),
        budget=budget,
        column=column,
        column_pair=column_pair,
        evaluation=evaluation,
        task=task,
        seed=seed,
        overwrite=overwrite,
        progress=True,
    )
    if as_json:
        print_json(report.to_dict())
    else:
        print_report(report)
    say(f"next: edgebert export {shlex.quote(str(out))} my-model --precision int8")


def distil(
    teacher: Annotated[str, typer.Argument(help="checkpoint folder or Hub id to learn from")],
    out: Annotated[Path, typer.Argument(help="folder of the new checkpoint")],
    student: Annotated[
        str,
        typer.Option(
            help="layers=N, width=0.5 or layers=N,width=0.5; or a checkpoint with the same tokens"
        ),
    ],
    data: Annotated[
        Path, typer.Option(help="texts to learn from, no labels: .txt, .csv, .jsonl or .parquet")
    ],
    column: TextsColumn = None,
    column_pair: PairColumn = None,
    validation: Annotated[
        Path | None, typer.Option(help="texts to judge by (default: a tenth of --data)")
    ] = None,
    task: SourceTask = "auto",
    dimensions: Annotated[
        int | None,
        typer.Option(help="dimensions of the student's vectors (default: as the teacher's)"),
    ] = None,
    matryoshka: Annotated[
        str | None,
        typer.Option(
            help="first numbers of a vector that are learnt as vectors, too, such as 128,64 "
            "(default: none)"
        ),
    ] = None,
    cosine: Annotated[float, typer.Option(help="weight of the vectors' cosines")] = 1.0,
    similarity: Annotated[
        float, typer.Option(help="weight of the similarities between texts of a batch")
    ] = 1.0,
    logits: Annotated[float, typer.Option(help="weight of the logits of heads")] = 1.0,
    hidden: Annotated[float, typer.Option(help="weight of the token vectors of layers")] = 1.0,
    attention: Annotated[
        float, typer.Option(help="weight of what each token attends to, in each head")
    ] = 0.0,
    temperature: Annotated[
        float, typer.Option(help="what logits are divided by before they are probabilities")
    ] = 2.0,
    epochs: Epochs = 3,
    batch_size: BatchSize = 32,
    accumulate: Accumulate = 1,
    learning_rate: LearningRate = 5e-5,
    max_length: MaxLength = None,
    autocast: Autocast = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    validate_every: ValidateEvery = None,
    patience: Patience = None,
    resume: Resume = False,
    overwrite: Annotated[bool, typer.Option(help="replace an existing checkpoint")] = False,
    as_json: AsJson = False,
) -> None:
    """Teach a smaller model to answer as a checkpoint does, on texts without labels."""
    from edgebert.workflow.distillation import read_sizes

    numbers: Choices = {
        "epochs": epochs,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "learning_rate": learning_rate,
        "max_length": max_length,
        "autocast": autocast,
        "device": device,
        "seed": seed,
        "validate_every": validate_every,
        "patience": patience,
    }
    report = edgebert.distil(
        teacher,
        out,
        student=student,
        data=data,
        column=column,
        column_pair=column_pair,
        validation=validation,
        task=task,
        dimensions=dimensions,
        matryoshka=() if matryoshka is None else read_sizes(matryoshka),
        losses=edgebert.DistilLosses(
            cosine=cosine,
            similarity=similarity,
            logits=logits,
            hidden=hidden,
            attention=attention,
            temperature=temperature,
        ),
        config=edgebert.TrainingConfig(**numbers),
        resume=resume,
        overwrite=overwrite,
        progress=True,
    )
    if as_json:
        print_json(report.summary())
    else:
        print_report(report)
    say(f"next: edgebert export {shlex.quote(str(out))} my-model")
