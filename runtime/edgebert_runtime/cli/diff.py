"""The command `diff`: whether two bundles, or two variants, answer alike on the user's texts."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edgebert_runtime.cli.compare import pair_of
from edgebert_runtime.cli.options import add_provider, add_threads
from edgebert_runtime.engine.providers import parse_options

SUMMARY: Final = (
    "compare tokens and answers of two bundles on your texts; exit code 1 if they differ by more "
    "than is tolerated"
)


def add_diff(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`diff`, for a check after an upgrade."""
    command = commands.add_parser("diff", help=SUMMARY, description=SUMMARY)
    for name in ("old", "new"):
        command.add_argument(name, metavar=name.upper(), help="folder of a bundle")
    add = command.add_argument
    add(
        "--texts",
        type=Path,
        required=True,
        metavar="FILE",
        help="texts: .txt, .csv, .jsonl or .parquet",
    )
    add("--column", help="column of that file with the texts (default: text)")
    add("--column-pair", help="column of that file with the second texts, for tasks on pairs")
    add(
        "--variant",
        default="auto",
        metavar="NAME[,NAME]",
        help="the variant of both, or of each (default: auto)",
    )
    add(
        "--tolerance",
        type=float,
        metavar="X",
        help="how far an answer may be apart: of vectors the distance as a share of their length, "
        "else the change of a score (default: by the coarser precision of the two)",
    )
    add("--json", action="store_true", help="print JSON on a terminal, too")
    add_provider(command)
    add_threads(command)
    command.set_defaults(run=_diff)


def _diff(options: argparse.Namespace) -> Iterator[str]:
    """The report, as JSON or for people; then what is beyond the tolerance is an error.

    Raises:
        DiffError: something is; all lines were given before.
        EdgebertError: as `diff`, and where the file cannot be read.
    """
    from edgebert_runtime.io.readers import open_file
    from edgebert_runtime.io.writers import json_line
    from edgebert_runtime.verification.bundle_diff import diff, item_maker

    source = open_file(options.texts, options.column, options.column_pair)
    report = diff(
        options.old,
        options.new,
        map(item_maker(options.old), source.rows),
        variant=pair_of(options.variant) or "auto",
        tolerance=options.tolerance,
        provider=options.provider,
        provider_options=parse_options(options.provider_option),
        threads=options.threads,
    )
    yield json_line(report.to_dict()) if options.json or not sys.stdout.isatty() else str(report)
    report.require()
