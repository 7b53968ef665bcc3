"""The command `bench`: its options, and the implementation that both programs share."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from edgebert_runtime.cli.options import add_option
from edgebert_runtime.cli.output import output_width
from edgebert_runtime.engine.providers import parse_options
from edgebert_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edgebert_runtime.benchmarking.options import BenchOptions
    from edgebert_runtime.benchmarking.sweep import Job

SUMMARY: Final = (
    "Measure variants, batch sizes, lengths and threads on this machine; find the best settings"
)

LISTS: Final = {
    "--batches": "batch sizes, comma-separated (default: 1,8,32)",
    "--sequences": "tokens of a text, comma-separated (default: 8,32,128 … and the limit)",
    "--threads": "numbers of threads, comma-separated (default: 1,2,4 … and every core)",
}
"""Options that are lists of whole numbers, and their help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `bench` has of its own."""
    add_option(
        parser,
        "--variant",
        "variants or precisions, comma-separated (default: all that run here)",
        [],
        action="append",
        metavar="NAME,NAME",
    )
    add_measured(parser)
    add_option(
        parser,
        "--rounds",
        "measurement rounds; fewer than 5 give no ranking (default: 5)",
        type=int,
        metavar="N",
    )
    add_option(
        parser,
        "--budget-ms",
        "list the largest inputs that are answered within MS milliseconds; exit code 1 if there "
        "is none (default: no limit)",
        type=float,
        metavar="MS",
    )
    parser.add_argument(
        "--store",
        action="store_true",
        help="save the graph and the best settings in the user's cache; models that are loaded "
        "later use them",
    )
    add_option(
        parser,
        "--json",
        "write the results to FILE as JSON; replaces an existing file (default: to no file)",
        type=Path,
        metavar="FILE",
    )
    add_html(parser)


def add_html(parser: argparse.ArgumentParser) -> None:
    """`--html`: a page of the results."""
    help_text = "write the results to FILE as HTML; replaces an existing file (default: to no file)"
    add_option(parser, "--html", help_text, type=Path, metavar="FILE")


def add_measured(parser: argparse.ArgumentParser) -> None:
    """What is measured: options of `bench`, and of `compare` on two bundles."""
    for flag, help_text in LISTS.items():
        add_option(parser, flag, help_text, metavar="N,N")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="only 1 and 8 texts, 32 and 128 tokens, 1 thread and all, and a fifth of the time",
    )


def bench_lines(given: argparse.Namespace) -> Iterator[str]:
    """Measure, write the files, and give the report line by line.

    Args:
        given: the options of `add_arguments`, the bundle and the provider.

    Raises:
        CheckFailedError: no input is within the budget; all lines were given before.
        EdgebertError: as `bench`, `store`, and where a file cannot be written.
    """
    from edgebert_runtime.benchmarking.api import bench
    from edgebert_runtime.benchmarking.budget import require_within
    from edgebert_runtime.benchmarking.files import check_files, write_files
    from edgebert_runtime.benchmarking.table import report_lines
    from edgebert_runtime.benchmarking.tuning_store import store

    options = _options(given)
    check_files(given.json, given.html, given.pages)
    with ExitStack() as stack:
        report = bench(given.bundle, options, track=lambda jobs: _shown(jobs, stack))
    asked = [given.program, *given.arguments]
    note = write_files(report, given.json, given.html, asked, given.pages)
    yield from report_lines(report, output_width())
    if note:
        sys.stderr.write(f"{note}\n")
    if given.store and report.tuned is not None:
        kept = store(given.bundle, report.tuned)
        named = (
            "" if report.tuned.variant == report.default else f" --variant {report.tuned.variant}"
        )
        command = f"{given.program} run {quote(given.bundle)}{named}"
        yield f"\nsaved in {kept.folder}; `{command}` uses these settings"
    if given.budget_ms is not None:
        require_within(report.within, given.budget_ms)


def _options(given: argparse.Namespace) -> "BenchOptions":
    from edgebert_runtime.benchmarking.options import ALL, ROUNDS, BenchOptions

    return BenchOptions(
        variants=[name for each in given.variant for name in each.split(",")] or (ALL,),
        batches=numbers("batches", given.batches),
        sequences=numbers("sequences", given.sequences),
        threads=numbers("threads", given.threads),
        rounds=ROUNDS if given.rounds is None else given.rounds,
        quick=given.quick,
        budget_ms=given.budget_ms,
        store=given.store,
        provider=given.provider,
        provider_options=parse_options(given.provider_option),
    )


def numbers(what: str, text: str | None) -> list[int] | None:
    """Whole numbers with commas between them; None for None.

    Raises:
        ConfigError: something between the commas is no number.
    """
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"{what} must be whole numbers with commas between them, such as 1,8,32; got {text!r}"
        ) from error


def _shown(jobs: "Sequence[Job]", stack: ExitStack) -> "Iterable[Job]":
    """The measuring processes, with a bar or a line a minute; closed by `stack`."""
    from edgebert_runtime.cli.progress import counted

    counting = counted(jobs, lambda: len(jobs), sys.stderr, what="processes", rated=False)
    return stack.enter_context(closing(counting))
