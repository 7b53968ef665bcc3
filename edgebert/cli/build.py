"""Commands that make, change or verify a bundle, or train the checkpoint it comes from."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

import edgebert
from edgebert.cli.options import (
    Accumulate,
    AsJson,
    Autocast,
    BatchSize,
    BundleFolder,
    Choices,
    Device,
    Epochs,
    KeepDefault,
    LearningRate,
    MaxLength,
    Patience,
    Resume,
    Seed,
    SourceTask,
    TextsColumn,
    TextsFile,
    ValidateEvery,
)
from edgebert.cli.terminal import (
    print_bundle,
    print_file,
    print_json,
    print_report,
    say,
    show_search,
    track_items,
)
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.errors import BudgetError, ConfigError
from edgebert_runtime.storage.atomic_write import check_places


def export(
    source: Annotated[str, typer.Argument(help="checkpoint folder or Hub id")],
    out: Annotated[Path, typer.Argument(help="folder of the new bundle")],
    task: SourceTask = "auto",
    target: Annotated[str, typer.Option(help="cpu, cuda or portable")] = "cpu",
    precision: Annotated[
        str,
        typer.Option(help="fp32, int8, fp16 or bf16; auto: fp16 for cuda, otherwise fp32"),
    ] = "auto",
    tokens: Annotated[
        str,
        typer.Option(
            help="which tokenizer to follow: auto (all must agree), file (tokenizer.json), "
            "transformers or unchecked (no comparison)"
        ),
    ] = "auto",
    max_length: MaxLength = None,
    min_ort: Annotated[
        str | None,
        typer.Option(help="oldest ONNX Runtime version for the portable graph (default: 1.17.0)"),
    ] = None,
    single_file: Annotated[
        bool,
        typer.Option(help="weights inside the portable graph's file even above 256 MiB (< 2 GiB)"),
    ] = False,
    attention: Annotated[
        bool,
        typer.Option("--attention", help="add the variant attention, for edgebert-run explain"),
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="replace an existing bundle")] = False,
    force: Annotated[bool, typer.Option(help="write int8 even if it is slower than fp32")] = False,
    keep_default: KeepDefault = False,
) -> None:
    """Export a checkpoint to a bundle whose graphs are verified against torch."""
    choices: Choices = {
        "task": task,
        "target": target,
        "precision": None if precision == "auto" else precision,
        "tokens": tokens,
    }
    bundle = edgebert.export(
        source,
        out,
        max_length=max_length,
        min_onnxruntime=min_ort,
        single_file=single_file,
        attention=attention,
        overwrite=overwrite,
        force=force,
        keep_default=keep_default,
        progress=True,
        **choices,
    )
    print_bundle(bundle, quantized=False)


def train(
    out: Annotated[Path, typer.Argument(help="folder of the new checkpoint")],
    base: Annotated[str, typer.Option(help="checkpoint folder or Hub id to start from")],
    data: Annotated[Path, typer.Option(help="training data (format: docs/how-to/train.md)")],
    task: Annotated[str, typer.Option(help="classify, tag, answer, rank, embed, fill or pretrain")],
    validation: Annotated[Path | None, typer.Option(help="validation data (default: none)")] = None,
    problem: Annotated[
        str, typer.Option(help="for classify: single_label, multi_label or regression")
    ] = "single_label",
    epochs: Epochs = 3,
    batch_size: BatchSize = 32,
    accumulate: Accumulate = 1,
    learning_rate: LearningRate = 5e-5,
    max_length: MaxLength = None,
    autocast: Autocast = "auto",
    precision: Annotated[str | None, typer.Option(hidden=True)] = None,
    device: Device = "auto",
    seed: Seed = 0,
    validate_every: ValidateEvery = None,
    patience: Patience = None,
    new_head: Annotated[bool, typer.Option(help="start with a new head, for other labels")] = False,
    from_scratch: Annotated[
        bool,
        typer.Option(help="draw all weights at random; --base gives its sizes and its tokenizer"),
    ] = False,
    resume: Resume = False,
    overwrite: Annotated[bool, typer.Option(help="replace an existing checkpoint")] = False,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a checkpoint on your own data, or pretrain one."""
    if precision is not None:
        say("--precision is now --autocast; the old name goes with the next release")
    numbers: Choices = {
        "epochs": epochs,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "learning_rate": learning_rate,
        "max_length": max_length,
        "autocast": precision or autocast,
        "device": device,
        "seed": seed,
        "validate_every": validate_every,
        "patience": patience,
    }
    choices: Choices = {"task": task, "problem": problem}
    report = edgebert.train(
        base,
        data,
        out,
        validation=validation,
        config=edgebert.TrainingConfig(**numbers),
        new_head=new_head,
        from_scratch=from_scratch,
        resume=resume,
        overwrite=overwrite,
        progress=True,
        **choices,
    )
    if as_json:
        print_json(report.summary())
    else:
        print_report(report)
    say(f"next: edgebert export {shlex.quote(str(out))} my-model")


def quantize(
    source: Annotated[Path, typer.Argument(help="folder of a bundle, or an encoder's .onnx file")],
    out: Annotated[
        Path | None,
        typer.Argument(help="for an .onnx file: path of the quantized file (default: none)"),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="int8, int8-static, int8-dynamic, int4, embeddings-int8, fp16 or bf16; "
            "docs/how-to/quantize.md compares them"
        ),
    ] = "int8",
    cpu: Annotated[
        str | None,
        typer.Option(
            help="CPUs that run it exactly: dotprod (x86 with VNNI, arm64), or avx2 for every CPU "
            "(default: this machine's)"
        ),
    ] = None,
    texts: TextsFile = None,
    column: TextsColumn = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="limits: 'cosine>=0.999', 'agreement>=0.99', "
            "'accuracy_drop<=0.5%' or 'recall_drop<=3%' (% means points; default: none)"
        ),
    ] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            "--eval",
            help="what accuracy_drop (columns text, label) or recall_drop (text, positive) is "
            "measured on; 0.5% needs 200 rows (default: none)",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="with --budget: write a page with charts of the search; replaces an existing file "
            "(default: to no file)",
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="with --budget: also write what the search measured as JSON (default: to no file)",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option(help="write the variant even if it is slower than fp32")
    ] = False,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="for an .onnx file: its tokenizer.json (default: the one beside it)"),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="for a bundle: what the variant is called (default: the recipe's name)"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option(help="replace the variant of that name, or for an .onnx file OUT")
    ] = False,
    keep_default: KeepDefault = False,
) -> None:
    """Add a quantized variant to a bundle, or quantize an .onnx file."""
    choices: Choices = {"recipe": recipe, "cpu": cpu}
    options: Choices = {
        "texts": texts,
        "column": column,
        "force": force,
        "overwrite": overwrite,
        "progress": True,
    }
    is_file = source.suffix == ".onnx"
    of_bundles = (budget, evaluation, html, json_file, name, keep_default)
    _check_together(source, is_file, (out, tokenizer), of_bundles)
    if not is_file:
        options |= {"name": name, "keep_default": keep_default}
    if budget is not None:
        within = {"evaluation": evaluation, **choices, **options}
        _quantize_within(source, budget, (html, json_file), within)
    elif not is_file:
        print_bundle(edgebert.quantize(source, **choices, **options), quantized=True)
    elif out is None:
        raise ConfigError(f"{source} is an .onnx file: name OUT, the path of the quantized file")
    else:
        quality = edgebert.quantize_file(source, out, tokenizer=tokenizer, **choices, **options)
        print_file(out, quality)


def _check_together(
    source: Path, is_file: bool, of_files: tuple[Any, ...], of_bundles: tuple[Any, ...]
) -> None:
    """Refuse options that do not go with what is quantized."""
    if not is_file and any(of_files):
        raise ConfigError(f"{source} is a bundle; OUT and --tokenizer are only for .onnx files")
    if is_file and any(of_bundles):
        raise ConfigError(
            f"{source} is an .onnx file; --budget, --eval, --html, --json, --name and "
            "--keep-default are only for bundles"
        )
    budget, *of_searches = of_bundles[:4]
    if budget is None and any(of_searches):
        raise ConfigError(
            "--eval, --html and --json need --budget, such as --budget 'cosine>=0.999'"
        )


def _quantize_within(
    bundle: Path, budget: str, files: tuple[Path | None, Path | None], options: Choices
) -> None:
    """Search, and show the frontier whether or not a point of it meets the budget."""
    check_places(*files)
    if files[0] is not None:
        from edgebert.reporting.drawing import require_matplotlib

        require_matplotlib()
    try:
        search = edgebert.quantize_within(bundle, budget, track=track_items, **options)
    except BudgetError as error:
        show_search(error.search, bundle, *files)
        raise
    show_search(search, bundle, *files)
    print_bundle(search.bundle, quantized=True)


def verify(
    bundle: BundleFolder,
    against: Annotated[str, typer.Option(help="checkpoint folder or Hub id it was exported from")],
    texts: TextsFile = None,
    column: TextsColumn = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            "--eval",
            help="check accuracy, too, on the columns text and label, or recall@1 of vectors, on "
            "text and positive (default: none)",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every variant of a bundle with torch; exit code 1 if one fails."""
    files: Choices = {"texts": texts, "column": column, "evaluation": evaluation}
    report = edgebert.verify(bundle, against, progress=True, **files)
    if as_json:
        print_json(report.to_dict())
    else:
        print_report(report)
    for name, needed in report.left_out.items():
        say(f"{name} was left out: it needs provider {needed!r}, which is not available here")
    report.require()


def inspect(bundle: BundleFolder, as_json: AsJson = False) -> None:
    """Show the contents of a bundle."""
    opened = Bundle.open(bundle, complete=False)
    if as_json:
        print_json(json.loads(opened.manifest.to_json()))
    else:
        print_bundle(opened, quantized=False)
