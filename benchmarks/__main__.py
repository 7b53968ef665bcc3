"""Measure, report and compare: `python -m benchmarks COMMAND`."""

import re
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from benchmarks.cases import accuracy as accuracy_case
from benchmarks.cases import distil as distil_case
from benchmarks.cases import explain as explain_case
from benchmarks.cases import gpu as gpu_case
from benchmarks.cases import growth as growth_case
from benchmarks.cases import latency as latency_case
from benchmarks.cases import limits as limits_case
from benchmarks.cases import load as load_case
from benchmarks.cases import prune as prune_case
from benchmarks.cases import start as start_case
from benchmarks.cases import throughput as throughput_case
from benchmarks.cases import trim as trim_case
from benchmarks.engines import ENGINES
from benchmarks.models import MODELS
from benchmarks.pairing import FEWEST_ROUNDS, PeerError
from benchmarks.plans import PLANS, Step, prepare_all
from benchmarks.records import FILE, keep, read_records
from benchmarks.report.documents import write_docs
from benchmarks.report.page import page_of
from benchmarks.report.times import times_of
from benchmarks.scale import batch as batch_case
from benchmarks.scale import batch_plan
from benchmarks.scale import server as server_case
from benchmarks.systems import ENCODERS
from edgebert_runtime.benchmarking.comparison import Measured
from edgebert_runtime.cli.compare import AT_MOST, compare_lines
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import EdgebertError
from edgebert_runtime.reporting.document import Table
from edgebert_runtime.reporting.html import write_html
from edgebert_runtime.reporting.text_table import table_lines

REPORT: Final = "report.html"

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

ModelName = Literal["minilm", "bert-base"]
Axis = Annotated[
    Literal["sequence", "batch", "cores", "long", "texts", "million"], typer.Argument()
]
PlanName = Annotated[Literal["all", "quick", "long", "scale"], typer.Argument()]

Out = Annotated[
    Path | None, typer.Option(help=f"folder of {FILE} and {REPORT} (build/benchmarks/…)")
]
Rounds = Annotated[int, typer.Option(min=FEWEST_ROUNDS, help="turns of each system")]
Only = Annotated[list[str] | None, typer.Option(help="a system's name; may be repeated (all)")]
Model = Annotated[ModelName, typer.Option(help="which model")]

DESTINATION: Final = Path("build") / "benchmarks"


@app.command()
def run(plan: PlanName = "all", out: Out = None) -> None:
    """Measure all cases of a plan and write the report: all, quick, long or scale."""
    begun = time.monotonic()
    complete = True
    for step in PLANS[plan]:
        complete &= _measured(step, out, plan)
        print(f"{(time.monotonic() - begun) / 60:.1f} minutes", file=sys.stderr)
    if not complete:
        raise typer.Exit(1)


@app.command()
def latency(
    model: Model = "minilm",
    rounds: Rounds = 3,
    only: Only = None,
    shapes: Annotated[str, typer.Option(help="batch x sequence, by commas")] = "",
    threads: Annotated[str, typer.Option(help="cores at a time, by commas (1 and all)")] = "",
    out: Out = None,
) -> None:
    """Tokens in, token vectors out, at fixed shapes."""
    step = partial(
        latency_case.measure,
        MODELS[model],
        rounds=rounds,
        shapes=_shapes(shapes),
        threads=_threads(threads),
        only=_known(only, [each.name for each in ENCODERS]),
    )
    _measure(step, out)


@app.command()
def throughput(rounds: Rounds = 3, only: Only = None, out: Out = None) -> None:
    """Texts in, vectors out: how many a second."""
    _measure(partial(throughput_case.measure, rounds=rounds, only=_known(only, ENGINES)), out)


@app.command()
def load(rounds: Rounds = 2, only: Only = None, out: Out = None) -> None:
    """How long an answer takes while several ask at once."""
    _measure(partial(load_case.measure, rounds=rounds, only=_known(only, ENGINES)), out)


@app.command("scale-plan")
def scale_plan(out: Out = None) -> None:
    """A batch job of 10⁹ rows whose model does no work: what its driver has to do."""
    record = batch_plan.measure()
    keep(record, out or DESTINATION / batch_plan.CASE)
    for line in batch_plan.lines_of(record):
        print(line)


@app.command()
def scale(
    part: Annotated[Literal["batch", "server"], typer.Argument()],
    rounds: Rounds = 3,
    only: Only = None,
    share: Annotated[
        float, typer.Option(help="of the requests or rows; 0.1 only tries it out")
    ] = 1.0,
    out: Out = None,
) -> None:
    """A server under many clients, or the rows of a file on each engine of batch jobs."""
    case = {"batch": batch_case, "server": server_case}[part]
    names = _known(only, case.CONTENDERS)
    _measure(partial(case.measure, rounds=rounds, only=names, share=share), out)


@app.command()
def start(model: Model = "minilm", rounds: Rounds = 7, only: Only = None, out: Out = None) -> None:
    """Process start to first vector, memory and disk."""
    names = _known(only, start_case.NAMES)
    _measure(partial(start_case.measure, MODELS[model], rounds=rounds, only=names), out)


@app.command()
def accuracy(
    rounds: Rounds = 3,
    only: Only = None,
    texts: Annotated[int, typer.Option(min=100)] = accuracy_case.TEXTS,
    pairs: Annotated[int, typer.Option(min=100)] = accuracy_case.PAIRS,
    out: Out = None,
) -> None:
    """What each way to make a model smaller loses, and what it gains."""
    names = _known(only, [each.name for each in accuracy_case.systems()])
    _measure(
        partial(accuracy_case.measure, rounds=rounds, texts=texts, pairs=pairs, only=names), out
    )


@app.command()
def trim(
    keep: Annotated[int, typer.Option(min=1000, help="tokens that stay")] = trim_case.KEEP,
    pairs: Annotated[int, typer.Option(min=100, help="of each half")] = trim_case.PAIRS,
    out: Out = None,
) -> None:
    """What a smaller vocabulary costs and gains."""
    searched = min(pairs, trim_case.SEARCHED)
    _measure(partial(trim_case.measure, keep=keep, pairs=pairs, searched=searched), out)


@app.command()
def prune(
    pairs: Annotated[int, typer.Option(min=100, help="to prune by")] = prune_case.PAIRS,
    out: Out = None,
) -> None:
    """What fewer heads and neurons cost and gain."""
    searched = min(pairs, prune_case.SEARCHED)
    _measure(partial(prune_case.measure, pairs=pairs, searched=searched), out)


@app.command()
def distil(
    layers: Annotated[int, typer.Option(min=1, help="of the student")] = distil_case.LAYERS,
    pairs: Annotated[int, typer.Option(min=100, help="to learn from")] = distil_case.PAIRS,
    epochs: Annotated[int, typer.Option(min=1, help="passes through them")] = distil_case.EPOCHS,
    out: Out = None,
) -> None:
    """What fewer layers learn from the whole model."""
    numbers = {"layers": layers, "pairs": pairs, "epochs": epochs}
    searched = min(pairs, distil_case.SEARCHED)
    _measure(partial(distil_case.measure, **numbers, searched=searched), out)


@app.command()
def explain(rounds: Rounds = 3, out: Out = None) -> None:
    """How long an explanation takes: Shapley values, and a page with all maps."""
    _measure(partial(explain_case.measure, rounds=rounds), out)


@app.command()
def growth(axis: Axis, rounds: Rounds = 2, out: Out = None) -> None:
    """How time and memory grow along an axis."""
    _measure(partial(growth_case.AXES[axis], rounds=rounds), out)


@app.command()
def limits(model: Model = "minilm", rounds: Rounds = 5, out: Out = None) -> None:
    """How near encoders come to their own matrix products alone."""
    _measure(partial(limits_case.measure, MODELS[model], rounds=rounds), out)


@app.command()
def gpu(
    model: Model = "minilm",
    rounds: Rounds = 3,
    only: Only = None,
    shapes: Annotated[
        str, typer.Option(help="batch x sequence, by commas; 64x~128 for all lengths up to 128")
    ] = "",
    here: Annotated[
        bool, typer.Option(help="run in this environment, not in one made for it")
    ] = False,
    device: Annotated[
        Literal["cuda", "cpu"], typer.Option(help="cpu only tries the scripts out")
    ] = "cuda",
    out: Out = None,
) -> None:
    """Tokens in, vectors out, on a GPU."""
    step = partial(
        gpu_case.measure,
        MODELS[model],
        rounds=rounds,
        shapes=_shapes(shapes),
        only=_known(only, [each.name for each in gpu_case.systems(device)]),
        here=here,
        device=device,
    )
    _measure(step, out)


@app.command()
def prepare() -> None:
    """Make every environment and graph, and measure nothing."""
    prepare_all()


@app.command()
def report(folder: Path) -> None:
    """Write the report of what a folder's file has."""
    write_html(page_of(read_records(folder / FILE)), folder / REPORT)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help=f"folder of a {FILE}")],
    after: Annotated[Path, typer.Argument(help="likewise")],
    at_most: Annotated[float, typer.Option(min=1, help="how many times as long")] = AT_MOST,
) -> None:
    """Set two runs side by side; exit with 1 if something of ours became slower."""
    try:
        old, new = (
            {name: Measured(times) for name, times in times_of(read_records(folder / FILE)).items()}
            for folder in (before, after)
        )
        for line in compare_lines(old, new, at_most):
            print(line)
    except EdgebertError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(error.exit_code) from error


@app.command()
def docs() -> None:
    """Write docs/benchmarks.md and the numbers of other documents from the committed results."""
    write_docs()


def _known(only: Sequence[str] | None, known: Iterable[str]) -> Sequence[str]:
    """Names of systems.

    Raises:
        typer.BadParameter: there is none of a name.
    """
    names = list(known)
    for name in only or ():
        if name not in names:
            raise typer.BadParameter(f"no system is called {name!r}; there are {', '.join(names)}")
    return only or ()


def _shapes(text: str) -> Sequence[str]:
    """Batch x sequence, by commas; none for the usual ones.

    Raises:
        typer.BadParameter: a shape is something else.
    """
    shapes = [shape for shape in text.split(",") if shape]
    for shape in shapes:
        if not re.fullmatch(r"[1-9]\d*x~?[1-9]\d*", shape):
            raise typer.BadParameter(f"{shape!r} is no shape; write batch x sequence, as 8x128")
    return shapes


def _threads(text: str) -> Sequence[int]:
    """Numbers of cores, by commas; none for the usual ones.

    Raises:
        typer.BadParameter: there are not so many, or it is no number.
    """
    every, counts = usable_cores(), [count for count in text.split(",") if count]
    for count in counts:
        if not (count.isdecimal() and 1 <= int(count) <= every):
            raise typer.BadParameter(f"{count!r} is no number of cores from 1 to {every}")
    return [int(count) for count in counts]


def _measure(step: Step, out: Path | None) -> None:
    """Measure one case.

    Raises:
        typer.Exit: there is nothing to compare with.
    """
    if not _measured(step, out):
        raise typer.Exit(1)


def _measured(step: Step, out: Path | None, run: str | None = None) -> bool:
    """Measure a case, write its record and the report, and print the tables.

    Without `out` they go to a folder of the run's name, or else of the case's.

    Returns:
        False if there is nothing to compare with; the reason is printed.
    """
    try:
        record = step()
    except PeerError as error:
        print(f"not measured: {error}", file=sys.stderr)
        return False
    folder = out or DESTINATION / (run or record["case"])
    keep(record, folder)
    report(folder)
    for section in page_of([record]).sections:
        print(f"\n{section.title}\n{section.text}")
        for block in section.blocks:
            if isinstance(block, Table):
                print("", *table_lines(block.columns, block.rows), block.caption, sep="\n")
    print(f"\n{folder / REPORT}")
    return True


if __name__ == "__main__":
    app()
