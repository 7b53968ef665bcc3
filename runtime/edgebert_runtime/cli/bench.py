"""`bench`, the command: its options, and the one implementation behind both programs."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from edgebert_runtime.engine.providers import parse_options
from edgebert_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edgebert_runtime.benchmarking.api import BenchReport
    from edgebert_runtime.benchmarking.comparison import Times
    from edgebert_runtime.benchmarking.sweep import Job
    from edgebert_runtime.engine.providers import ProviderName

AT_MOST: Final = 1.1
"""How many times as long something may take, if nobody says."""

SUMMARY: Final = "time variants, batches, lengths and threads here, and find the best settings"

HELP: Final[Mapping[str, str]] = MappingProxyType(
    {
        "variant": "a variant, a precision, several with commas, or all that run here (all)",
        "batches": "texts at once, with commas (1,8,32)",
        "sequences": "tokens of each, with commas (8,32,128 … and the bundle's limit)",
        "threads": "with commas (1, 2, 4 … and every core)",
        "rounds": "how often everything is measured (5, which ranking needs)",
        "budget_ms": "say what is answered within so many milliseconds; exits with 1 if nothing is",
        "store": "keep graph and settings in the user's cache, where load finds them",
        "json": "write the record there, replacing what is there",
        "html": "write the report there as a page, replacing what is there",
        "quick": "few shapes and threads, and less time for each",
    }
)
"""Option → what it does, for both programs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `bench` has of its own."""
    add = parser.add_argument
    add("--variant", action="append", default=[], metavar="NAME", help=HELP["variant"])
    add("--batches", metavar="N,N", help=HELP["batches"])
    add("--sequences", metavar="N,N", help=HELP["sequences"])
    add("--threads", metavar="N,N", help=HELP["threads"])
    add("--rounds", type=int, metavar="N", help=HELP["rounds"])
    add("--budget-ms", type=float, metavar="MS", help=HELP["budget_ms"])
    add("--store", action="store_true", help=HELP["store"])
    add("--json", type=Path, metavar="FILE", help=HELP["json"])
    add("--html", type=Path, metavar="FILE", help=HELP["html"])
    add("--quick", action="store_true", help=HELP["quick"])


def lines_of(options: argparse.Namespace) -> Iterator[str]:
    """What the command prints, by the options of `add_arguments` and those that all share."""
    return bench_lines(
        options.bundle,
        variants=options.variant,
        batches=options.batches,
        sequences=options.sequences,
        threads=options.threads,
        rounds=options.rounds,
        budget_ms=options.budget_ms,
        store=options.store,
        json_file=options.json,
        html_file=options.html,
        quick=options.quick,
        provider=options.provider,
        provider_options=parse_options(options.provider_option),
    )


def bench_lines(
    bundle: str,
    *,
    variants: Sequence[str],
    batches: str | None,
    sequences: str | None,
    threads: str | None,
    rounds: int | None,
    budget_ms: float | None,
    store: bool,
    json_file: Path | None,
    html_file: Path | None,
    quick: bool,
    provider: "ProviderName",
    provider_options: Mapping[str, str],
) -> Iterator[str]:
    """Measure, write what was asked for, and say what was found, line by line.

    Args:
        bundle: the folder.
        variants: names and precisions, also with commas; none is `all`.
        batches: whole numbers with commas; None is the usual.
        sequences: likewise.
        threads: likewise.
        rounds: None is the usual.
        budget_ms: or None.
        store: whether to keep what was found, once the report has been said.
        json_file: where the record goes, or None.
        html_file: where the page goes, or None.
        quick: less of everything.
        provider: as `load` takes it.
        provider_options: likewise.

    Raises:
        CheckFailedError: nothing keeps the budget; all lines were given before.
        EdgebertError: as `bench`, `store`, and where a file cannot be written.
    """
    from edgebert_runtime.benchmarking.api import bench
    from edgebert_runtime.benchmarking.budget import require_within
    from edgebert_runtime.benchmarking.options import ALL, ROUNDS, BenchOptions
    from edgebert_runtime.benchmarking.table import report_lines
    from edgebert_runtime.benchmarking.tuning_store import store as keep
    from edgebert_runtime.storage.atomic_write import check_places

    options = BenchOptions(
        variants=[name for each in variants for name in each.split(",")] or (ALL,),
        batches=numbers("batches", batches),
        sequences=numbers("sequences", sequences),
        threads=numbers("threads", threads),
        rounds=ROUNDS if rounds is None else rounds,
        quick=quick,
        budget_ms=budget_ms,
        store=store,
        provider=provider,
        provider_options=provider_options,
    )
    check_places(json_file, html_file)
    with ExitStack() as stack:
        report = bench(bundle, options, track=lambda jobs: _shown(jobs, stack))
    _write(report, json_file, html_file)
    yield from report_lines(report)
    if store and report.tuned is not None:
        kept = keep(bundle, report.tuned)
        named = "" if report.tuned.variant == report.default else f", {report.tuned.variant!r}"
        yield f"\nstored in {kept.folder}; load({bundle!r}{named}) runs as was found best"
    if budget_ms is not None:
        require_within(report.within, budget_ms)


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
    """What became of everything that both have timed, line by line.

    Args:
        before: what was timed → ms, one a round.
        after: likewise.
        at_most: how many times as long something may take.

    Raises:
        CheckFailedError: something takes longer, beyond the noise; all lines were given before.
        ConfigError: they have nothing in common, or `at_most` is below 1.
    """
    from edgebert_runtime.benchmarking.comparison import change_lines, compare, require_no_slower

    if not at_most >= 1:
        raise ConfigError(f"at-most must be at least 1, got {at_most:g}; 1.1 allows 10 % more")
    changes = compare(before, after)
    yield from change_lines(changes, at_most)
    require_no_slower(changes, at_most)


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
