"""The command `bench`: its options, and the implementation that both programs share."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgebert_runtime.engine.providers import parse_options
from edgebert_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edgebert_runtime.benchmarking.comparison import Times
    from edgebert_runtime.benchmarking.options import BenchOptions
    from edgebert_runtime.benchmarking.sweep import Job

AT_MOST: Final = 1.1
"""Largest ratio of two times that is not called slower, by default."""

SUMMARY: Final = (
    "measure variants, batch sizes, lengths and threads on this machine, and find the best settings"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `bench` has of its own."""
    add = parser.add_argument
    add(
        "--variant",
        action="append",
        default=[],
        metavar="NAME",
        help="variants or precisions, separated by commas (default: all that run here)",
    )
    add("--batches", metavar="N,N", help="batch sizes, separated by commas (default: 1,8,32)")
    add(
        "--sequences",
        metavar="N,N",
        help="tokens per text, separated by commas (default: 8,32,128 … and the limit)",
    )
    add(
        "--threads",
        metavar="N,N",
        help="numbers of threads, separated by commas (default: 1,2,4 … and every core)",
    )
    add(
        "--rounds",
        type=int,
        metavar="N",
        help="number of measurement rounds (default 5; fewer than 5 gives no ranking)",
    )
    add(
        "--budget-ms",
        type=float,
        metavar="MS",
        help="list the largest inputs answered within MS milliseconds; exit code 1 if none is",
    )
    add(
        "--store",
        action="store_true",
        help="save the graph and the best settings in the user's cache, where load finds them",
    )
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all results to FILE as JSON (replaces FILE)",
    )
    add(
        "--html",
        type=Path,
        metavar="FILE",
        help="write the report to FILE as a page (replaces FILE)",
    )
    add("--quick", action="store_true", help="fewer shapes and threads, and less time for each")


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
    check_files(given.json, given.html)
    with ExitStack() as stack:
        report = bench(given.bundle, options, track=lambda jobs: _shown(jobs, stack))
    write_files(report, given.json, given.html, ["edgebert-run", *sys.argv[1:]])
    yield from report_lines(report)
    if given.store and report.tuned is not None:
        kept = store(given.bundle, report.tuned)
        named = "" if report.tuned.variant == report.default else f", {report.tuned.variant!r}"
        yield f"\nsaved in {kept.folder}; load({given.bundle!r}{named}) uses these settings"
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


def compare_lines(before: "Times", after: "Times", at_most: float = AT_MOST) -> Iterator[str]:
    """Compare everything that both have timed, line by line.

    Args:
        before: what was timed → its time in ms in each round.
        after: likewise.
        at_most: largest ratio of the times that is not called slower.

    Raises:
        CheckFailedError: something became slower; all lines were given before.
        ConfigError: they have nothing in common, or `at_most` is below 1.
    """
    from edgebert_runtime.benchmarking.comparison import change_lines, compare, require_no_slower

    if not at_most >= 1:
        raise ConfigError(f"at-most must be at least 1, got {at_most:g}; 1.1 allows 10 % more")
    changes = compare(before, after)
    yield from change_lines(changes, at_most)
    require_no_slower(changes, at_most)


def _shown(jobs: "Sequence[Job]", stack: ExitStack) -> "Iterable[Job]":
    """The measuring processes, with a bar or a line a minute; closed by `stack`."""
    from edgebert_runtime.cli.progress import counted

    counting = counted(jobs, lambda: len(jobs), sys.stderr, what="processes", rated=False)
    return stack.enter_context(closing(counting))
