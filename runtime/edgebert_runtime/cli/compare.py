"""The command `compare`: two records of `bench`, or two bundles that are measured together."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgebert_runtime.cli.bench import add_html, add_measured, numbers
from edgebert_runtime.cli.options import Commands, add_option, add_provider
from edgebert_runtime.cli.output import output_width
from edgebert_runtime.engine.providers import parse_options
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.text_table import table_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgebert_runtime.benchmarking.comparison import Measurements
    from edgebert_runtime.benchmarking.comparison_page import Compared
    from edgebert_runtime.benchmarking.options import BenchOptions
    from edgebert_runtime.benchmarking.pairs import PairedJob

    WritePage = Callable[[Sequence[Compared], Sequence[str], Sequence[Sequence[str]]], None]

AT_MOST: Final = 1.1
"""Largest ratio of two times that is not called slower, by default."""

SUMMARY: Final = (
    "Compare two results of bench --json, or measure two bundles together; exit code 1 if "
    "something became slower, 3 if the machine did"
)
MEASURING: Final = (
    "variant",
    "batches",
    "sequences",
    "threads",
    "quick",
    "provider",
    "provider_option",
)
"""Options that are for two bundles only."""


def add_compare(commands: Commands) -> None:
    """`compare`, of two records or two bundles."""
    command = commands.add_parser("compare", help=SUMMARY, description=SUMMARY)
    command.epilog = f"example: {command.prog} old-model new-model --quick"
    for name in ("before", "after"):
        command.add_argument(
            name, type=Path, metavar=name.upper(), help="result of bench --json, or a bundle"
        )
    help_text = "largest allowed ratio of the times"
    add_option(command, "--at-most", help_text, AT_MOST, type=float, metavar="RATIO")
    help_text = "of two bundles: the variant of both, or of each (default: all that both have)"
    add_option(command, "--variant", help_text, metavar="NAME[,NAME]")
    add_measured(command)
    add_html(command)
    add_provider(command)
    usual = {name: command.get_default(name) for name in MEASURING}
    command.set_defaults(run=_compare, usual=usual)


def compare_lines(
    before: "Measurements",
    after: "Measurements",
    at_most: float = AT_MOST,
    write: "WritePage | None" = None,
) -> Iterator[str]:
    """Compare everything that both records have timed, line by line.

    Args:
        before: what was timed → its rounds.
        after: likewise.
        at_most: largest ratio of the times that is not called slower.
        write: gets the changes, and the columns and rows of their table.

    Raises:
        CheckFailedError: something became slower; all lines were given before.
        MachineChangedError: the machine did, so that there is no result; likewise.
        ConfigError: they have nothing in common, or `at_most` is below 1.
    """
    from edgebert_runtime.benchmarking import comparison

    _check_at_most(at_most)
    changes = comparison.compare(before, after)
    for name, record in (("BEFORE", before), ("AFTER", after)):
        if comparison.without_yardstick(record):
            yield (
                f"{name} has no yardstick, so that a slower machine looks like a slower bundle; "
                "records that bench writes now have one"
            )
    rows = comparison.change_rows(changes, at_most)
    yield from table_lines(comparison.COLUMNS, rows, output_width())
    if write is not None:
        write(changes, comparison.COLUMNS, rows)
    comparison.require_no_slower(changes, at_most)


def _compare(options: argparse.Namespace) -> Iterator[str]:
    """A table of two records or of two bundles.

    Raises:
        ConfigError: a record and a bundle, or an option that two records have no use for.
    """
    from edgebert_runtime.benchmarking.comparison import read_record
    from edgebert_runtime.benchmarking.files import check_files

    check_files(None, options.html, options.pages)
    given = options.before, options.after
    folders = [path.is_dir() for path in given]
    if all(folders):
        return _bundle_lines(options)
    if any(folders):
        raise ConfigError(
            f"{given[folders.index(True)]} is a folder and {given[folders.index(False)]} is not; "
            "name two results of bench --json, or two bundles"
        )
    for name, usual in options.usual.items():
        if getattr(options, name) != usual:
            flag = name.replace("_", "-")
            raise ConfigError(
                f"--{flag} is for two bundles, got two results of bench --json; leave it out"
            )
    before, after = map(read_record, given)
    return compare_lines(before, after, options.at_most, _writer(options))


def _bundle_lines(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.benchmarking import pairs

    _check_at_most(options.at_most)
    folders = options.before, options.after
    plans = pairs.plan_pair(folders, pair_of(options.variant), _measured(options))
    with ExitStack() as stack:
        changes = pairs.measure_pair(plans, lambda jobs: _shown(jobs, stack))
    rows = pairs.paired_rows(changes, options.at_most)
    yield from table_lines(pairs.COLUMNS, rows, output_width())
    write = _writer(options)
    if write is not None:
        write(changes, pairs.COLUMNS, rows)
    pairs.require_no_slower_pair(changes, options.at_most)


def _writer(options: argparse.Namespace) -> "WritePage | None":
    """What writes the page that `--html` asks for."""
    if options.html is None:
        return None
    from edgebert_runtime.benchmarking.comparison_page import page

    names = options.before.name, options.after.name

    def write(
        changes: "Sequence[Compared]", columns: Sequence[str], rows: Sequence[Sequence[str]]
    ) -> None:
        note = options.pages.write(page(names, changes, columns, rows), changes, options.html)
        if note:
            sys.stderr.write(f"{note}\n")

    return write


def pair_of(variant: str | None) -> tuple[str, str] | None:
    """The variant of each of two bundles: one name for both, or two with a comma between them.

    Raises:
        ConfigError: there are more than two.
    """
    if variant is None:
        return None
    names = variant.split(",")
    if len(names) > 2:
        raise ConfigError(f"--variant takes one name or two, got {variant!r}; write A or A,B")
    return names[0], names[-1]


def _measured(options: argparse.Namespace) -> "BenchOptions":
    from edgebert_runtime.benchmarking.options import BenchOptions

    return BenchOptions(
        batches=numbers("batches", options.batches),
        sequences=numbers("sequences", options.sequences),
        threads=numbers("threads", options.threads),
        quick=options.quick,
        provider=options.provider,
        provider_options=parse_options(options.provider_option),
    )


def _check_at_most(at_most: float) -> None:
    if not at_most >= 1:
        raise ConfigError(f"at-most must be at least 1, got {at_most:g}; 1.1 allows 10 % more")


def _shown(jobs: "Iterable[PairedJob]", stack: ExitStack) -> "Iterable[PairedJob]":
    """The measuring processes, counted on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        return jobs
    from edgebert_runtime.cli.progress import counted

    counting = counted(jobs, None, sys.stderr, what="processes", rated=False)
    return stack.enter_context(closing(counting))
