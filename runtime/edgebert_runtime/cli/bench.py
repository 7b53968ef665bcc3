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
    from edgebert_runtime.benchmarking.api import BenchReport
    from edgebert_runtime.benchmarking.options import BenchOptions
    from edgebert_runtime.benchmarking.sweep import Job

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
    add_measured(parser)
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


def add_measured(parser: argparse.ArgumentParser) -> None:
    """What is measured: options of `bench`, and of `compare` on two bundles."""
    add = parser.add_argument
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
    from edgebert_runtime.benchmarking.table import report_lines
    from edgebert_runtime.benchmarking.tuning_store import store
    from edgebert_runtime.storage.atomic_write import check_places

    options = _options(given)
    check_places(given.json, given.html)
    with ExitStack() as stack:
        report = bench(given.bundle, options, track=lambda jobs: _shown(jobs, stack))
    _write(report, given.json, given.html)
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


def _write(report: "BenchReport", json_file: Path | None, html_file: Path | None) -> None:
    if json_file is not None:
        from edgebert_runtime.storage.atomic_write import write_whole

        write_whole(json_file, report.to_json())
    if html_file is not None:
        from shlex import join

        from edgebert_runtime.benchmarking.report import page
        from edgebert_runtime.reporting.html import write_html

        command = join(["edgebert-run", *sys.argv[1:]])
        write_html(page(report, command), html_file)


def _shown(jobs: "Sequence[Job]", stack: ExitStack) -> "Iterable[Job]":
    """The measuring processes, with a bar if standard error is a terminal; closed by `stack`."""
    if not sys.stderr.isatty():
        return jobs
    from edgebert_runtime.cli.progress import counted

    counting = counted(jobs, len(jobs), sys.stderr, what="processes", rated=False)
    return stack.enter_context(closing(counting))
