"""The `edgebert` command, a thin shell over the functions of `edgebert`.

Exit codes: 0 done, 1 the check failed, 2 the caller's mistake. Results go to standard output,
progress to standard error. No command but `export`, `train` and `verify` loads torch.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from edgebert._version import __version__
from edgebert.cli.terminal import (
    errors,
    output,
    print_file,
    print_json,
    print_page,
    say,
    show_search,
    track_items,
    variants_table,
)
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.cli.bench import HELP as BENCH_HELP
from edgebert_runtime.cli.bench import bench_lines
from edgebert_runtime.cli.main import exit_code
from edgebert_runtime.cli.options import PROVIDER_HELP, PROVIDER_OPTION_HELP
from edgebert_runtime.cli.tasks import answer_lines
from edgebert_runtime.engine.providers import parse_options
from edgebert_runtime.errors import BudgetError, ConfigError, EdgebertError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Take a torch text encoder to production on any device: verified, small and fast.",
)

BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="folder of the bundle")]
TextsFile = Annotated[
    Path | None,
    typer.Option(
        help="texts of your own to calibrate and measure on: .txt, .csv, .jsonl, .parquet"
    ),
]
TextsColumn = Annotated[str | None, typer.Option(help="where in that file the texts are")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON alone on standard output")]


def main() -> None:
    """Run the command and exit."""
    with _translated():
        app()


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"edgebert {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    del version


@app.command()
def export(
    source: Annotated[str, typer.Argument(help="checkpoint folder or Hub id")],
    out: Annotated[Path, typer.Argument(help="folder of the new bundle")],
    task: Annotated[str, typer.Option(help="embed, classify, …, or auto")] = "auto",
    target: Annotated[str, typer.Option(help="cpu, cuda or portable")] = "cpu",
    precision: Annotated[
        str, typer.Option(help="fp32, int8, fp16 or bf16; auto: fp16 for cuda, fp32 for others")
    ] = "auto",
    max_length: Annotated[int | None, typer.Option(help="cut texts here, in tokens")] = None,
    min_ort: Annotated[
        str | None, typer.Option(help="oldest ONNX Runtime the portable graph is for")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="replace a bundle that is there")] = False,
    force: Annotated[
        bool, typer.Option(help="with int8: take it even if it is slower than fp32")
    ] = False,
) -> None:
    """Export a checkpoint to a verified bundle."""
    from edgebert.workflow import api

    bundle = api.export(
        source,
        out,
        task,
        target,
        max_length=max_length,
        min_onnxruntime=min_ort,
        precision=None if precision == "auto" else precision,
        overwrite=overwrite,
        force=force,
        progress=say,
    )
    output.print(variants_table(bundle))


@app.command()
def train(
    out: Annotated[Path, typer.Argument(help="folder of the new checkpoint")],
    base: Annotated[str, typer.Option(help="checkpoint folder or Hub id to begin with")],
    data: Annotated[Path, typer.Option(help="file to train on; docs/training.md has its format")],
    task: Annotated[str, typer.Option(help="classify, tag, answer, rank, embed, fill or pretrain")],
    validation: Annotated[Path | None, typer.Option(help="file to judge by")] = None,
    problem: Annotated[
        str, typer.Option(help="of classify: single_label, multi_label or regression")
    ] = "single_label",
    epochs: Annotated[int, typer.Option(help="passes through the data")] = 3,
    batch_size: Annotated[int, typer.Option(help="rows at once")] = 32,
    accumulate: Annotated[int, typer.Option(help="batches that make one step")] = 1,
    learning_rate: Annotated[float, typer.Option(help="the highest")] = 5e-5,
    max_length: Annotated[int | None, typer.Option(help="cut texts here, in tokens")] = None,
    autocast: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16")] = "auto",
    precision: Annotated[str | None, typer.Option(hidden=True)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    seed: Annotated[int, typer.Option(help="the same seed, the same model")] = 0,
    validate_every: Annotated[int | None, typer.Option(help="in steps, not epochs")] = None,
    patience: Annotated[
        int | None, typer.Option(help="validations without a better one before the end")
    ] = None,
    new_head: Annotated[bool, typer.Option(help="draw the head's weights anew")] = False,
    from_scratch: Annotated[bool, typer.Option(help="draw all weights anew")] = False,
    resume: Annotated[bool, typer.Option(help="go on where a training was cut short")] = False,
    overwrite: Annotated[bool, typer.Option(help="replace a checkpoint that is there")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model on a file of your own."""
    from edgebert import TrainingConfig
    from edgebert.workflow.training import train as run

    if precision is not None:
        say("--precision is now --autocast; the old name goes with the next release")
        autocast = precision
    config = TrainingConfig(
        epochs=epochs,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        max_length=max_length,
        autocast=autocast,
        device=device,
        seed=seed,
        validate_every=validate_every,
        patience=patience,
    )
    report = run(
        base,
        data,
        out,
        task=task,
        validation=validation,
        problem=problem,
        config=config,
        new_head=new_head,
        from_scratch=from_scratch,
        resume=resume,
        overwrite=overwrite,
        progress=say,
    )
    if as_json:
        print_json(report.summary())
    else:
        typer.echo(report)


@app.command()
def quantize(
    source: Annotated[Path, typer.Argument(help="folder of a bundle, or any encoder's .onnx file")],
    out: Annotated[
        Path | None, typer.Argument(help="of a file: where the quantized one goes")
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(help="int8, int8-static, int8-dynamic, int4, embeddings-int8, fp16 or bf16"),
    ] = "int8",
    cpu: Annotated[
        str | None, typer.Option(help="avx512_vnni, arm64 or avx2; this machine's if not given")
    ] = None,
    texts: TextsFile = None,
    column: TextsColumn = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="of a bundle: what to keep, such as 'cosine>=0.999' or 'accuracy_drop<=1%'"
        ),
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option("--eval", help="for accuracy_drop: a file with text and label")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="with --budget: where the frontier is drawn, .svg or .html")
    ] = None,
    force: Annotated[bool, typer.Option(help="take it even if it is slower than fp32")] = False,
    tokenizer: Annotated[
        Path | None, typer.Option(help="of a file: its tokenizer.json, if not beside it")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="of a file: replace what is there")] = False,
) -> None:
    """Add a quantized variant to a bundle, or quantize an ONNX file that is there."""
    from edgebert.workflow import api

    options: dict[str, Any] = {
        "cpu": cpu,
        "texts": texts,
        "column": column,
        "force": force,
        "progress": say,
    }
    is_file = source.suffix == ".onnx"
    _check_together(source, is_file, (out, tokenizer, overwrite), (budget, evaluation, plot))
    if budget is not None:
        _quantize_within(source, budget, recipe, evaluation, plot, options)
    elif not is_file:
        output.print(variants_table(api.quantize(source, recipe, **options)))
    elif out is None:
        raise ConfigError(f"{source} is a file: say OUT too, where the quantized one goes")
    else:
        quality = api.quantize_file(
            source, out, recipe, tokenizer=tokenizer, overwrite=overwrite, **options
        )
        print_file(out, quality)


def _check_together(
    source: Path, is_file: bool, of_files: tuple[Any, ...], of_budgets: tuple[Any, ...]
) -> None:
    """Refuse options that do not go with what is quantized."""
    if not is_file and any(of_files):
        raise ConfigError(
            f"{source} is no .onnx file; OUT, --tokenizer and --overwrite go with one"
        )
    if is_file and any(of_budgets):
        raise ConfigError(f"{source} is a file; --budget, --eval and --plot go with a bundle")
    if of_budgets[0] is None and any(of_budgets):
        raise ConfigError("--eval and --plot go with --budget; say what to keep")


def _quantize_within(
    bundle: Path,
    budget: str,
    recipe: str,
    evaluation: Path | None,
    plot: Path | None,
    options: dict[str, Any],
) -> None:
    """Search, and show the frontier whether or not a point of it keeps the budget."""
    from edgebert.workflow import api
    from edgebert_quantize.search.plotting import check_plot

    plot = check_plot(plot or Path(f"{bundle.resolve().name}-frontier.svg"))
    try:
        search = api.quantize_within(
            bundle, budget, recipe, evaluation=evaluation, track=track_items, **options
        )
    except BudgetError as error:
        show_search(error.search, bundle, plot)
        raise
    show_search(search, bundle, plot)
    output.print(variants_table(search.bundle))


@app.command()
def verify(
    bundle: BundleFolder,
    against: Annotated[str, typer.Option(help="checkpoint folder or Hub id it came from")],
    texts: TextsFile = None,
    column: TextsColumn = None,
    as_json: AsJson = False,
) -> None:
    """Compare every variant of a bundle with torch; exits with 1 if one fails."""
    from edgebert.workflow import verification

    report = verification.verify(bundle, against, texts=texts, column=column, progress=say)
    if as_json:
        print_json(report.to_dict())
    else:
        typer.echo(report)
    for name, needed in report.left_out.items():
        say(f"{name} was left out: it needs {needed}, which is not here")
    report.require()


@app.command()
def inspect(bundle: BundleFolder, as_json: AsJson = False) -> None:
    """Show what a bundle holds."""
    opened = Bundle.open(bundle)
    if as_json:
        print_json(json.loads(opened.manifest.to_json()))
        return
    manifest = opened.manifest
    source = manifest.source
    output.print(f"{opened.folder}: {manifest.task}, from {source['kind']} {source['name']}")
    output.print(f"texts cut after {manifest.tokenizer.max_length} tokens")
    output.print(variants_table(opened))


@app.command()
def run(
    bundle: BundleFolder,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT…|-]", help="- or none: standard input; a question or query comes first"
        ),
    ] = None,
    variant: Annotated[str, typer.Option(help="a variant or a precision")] = "auto",
    provider: Annotated[str, typer.Option(help=PROVIDER_HELP)] = "auto",
    provider_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help=PROVIDER_OPTION_HELP)
    ] = None,
) -> None:
    """Answer as the bundle's task does; prints JSON lines."""
    from edgebert_runtime.loading.options import LoadOptions

    options = LoadOptions.of(provider, parse_options(provider_option or ()))
    for line in answer_lines(str(bundle), texts or [], variant, options):
        typer.echo(line)


@app.command()
def bench(
    bundle: BundleFolder,
    variant: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=BENCH_HELP["variant"])
    ] = None,
    batches: Annotated[str | None, typer.Option(metavar="N,N", help=BENCH_HELP["batches"])] = None,
    sequences: Annotated[
        str | None, typer.Option(metavar="N,N", help=BENCH_HELP["sequences"])
    ] = None,
    threads: Annotated[str | None, typer.Option(metavar="N,N", help=BENCH_HELP["threads"])] = None,
    rounds: Annotated[int | None, typer.Option(help=BENCH_HELP["rounds"])] = None,
    budget_ms: Annotated[float | None, typer.Option(help=BENCH_HELP["budget_ms"])] = None,
    store: Annotated[bool, typer.Option("--store", help=BENCH_HELP["store"])] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help=BENCH_HELP["json"])
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help=BENCH_HELP["html"])
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help=BENCH_HELP["quick"])] = False,
    provider: Annotated[str, typer.Option(help=PROVIDER_HELP)] = "auto",
    provider_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help=PROVIDER_OPTION_HELP)
    ] = None,
) -> None:
    """Time variants, batches, lengths and threads here, and find the best settings."""
    lines = bench_lines(
        str(bundle),
        variants=variant or (),
        batches=batches,
        sequences=sequences,
        threads=threads,
        rounds=rounds,
        budget_ms=budget_ms,
        store=store,
        json_file=json_file,
        html_file=html_file,
        quick=quick,
        provider=provider,
        provider_options=parse_options(provider_option or ()),
    )
    for line in lines:
        typer.echo(line)


@app.command("profile")
def profile_command(
    bundle: BundleFolder,
    variant: Annotated[str, typer.Option(help="a variant or a precision")] = "auto",
    batch: Annotated[int, typer.Option(help="texts")] = 1,
    sequence: Annotated[
        int | None, typer.Option(help="tokens of each; 128 if the model takes as many")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="all cores if not given")] = None,
    runs: Annotated[int, typer.Option(help="that medians are of")] = 50,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write everything here, too")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write a page with charts here, too")] = None,
) -> None:
    """Measure where a variant's time goes, beside its matrix products alone."""
    from edgebert.profiling import profile
    from edgebert.profiling.page import page_of
    from edgebert_runtime.reporting.html import write_html
    from edgebert_runtime.storage.atomic_write import check_places, write_whole

    check_places(json_file, html)
    report = profile(
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


@contextmanager
def _translated() -> Iterator[None]:
    """Turn our errors into one line and an exit code; anything else keeps its traceback."""
    try:
        yield
    except EdgebertError as error:
        errors.print(f"edgebert: {error}", markup=False, soft_wrap=True)
        sys.exit(exit_code(error))
