"""The command `diff`: whether two bundles, or two variants, answer alike on the user's texts."""

import argparse
from collections.abc import Iterator
from itertools import tee
from pathlib import Path
from typing import Final

from edgebert_runtime.cli.compare import pair_of
from edgebert_runtime.cli.options import (
    Commands,
    add_columns,
    add_json,
    add_option,
    add_provider,
    add_threads,
)
from edgebert_runtime.cli.output import is_for_people, output_width
from edgebert_runtime.engine.providers import parse_options

SUMMARY: Final = (
    "Compare tokens and answers of two bundles on your texts; exit code 1 if they differ by more "
    "than is tolerated"
)


def add_diff(commands: Commands) -> None:
    """`diff`, for a check after an upgrade."""
    command = commands.add_parser("diff", help=SUMMARY, description=SUMMARY)
    command.epilog = f"example: {command.prog} old-model new-model --texts reviews.csv"
    for name in ("old", "new"):
        command.add_argument(name, metavar=name.upper(), help="folder of a bundle")
    help_text = "texts to compare on: .txt, .csv, .jsonl or .parquet [required]"
    command.add_argument("--texts", type=Path, required=True, metavar="FILE", help=help_text)
    add_columns(command, pairs=True)
    help_text = "the variant of both, or of each (default: auto, which is the bundle's default)"
    add_option(command, "--variant", help_text, "auto", metavar="NAME[,NAME]")
    add_option(
        command,
        "--tolerance",
        "largest allowed difference of an answer: for vectors their distance over their length, "
        "otherwise the change of a score (default: depends on the coarser of the two precisions)",
        type=float,
        metavar="X",
    )
    add_json(command)
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
    rows, placed_rows = tee(source.rows)
    report = diff(
        options.old,
        options.new,
        map(item_maker(options.old), (row.values for row in rows)),
        places=(row.place for row in placed_rows),
        variant=pair_of(options.variant) or "auto",
        tolerance=options.tolerance,
        provider=options.provider,
        provider_options=parse_options(options.provider_option),
        threads=options.threads,
    )
    if is_for_people(as_json=options.json):
        yield from report.lines(output_width())
    else:
        yield json_line(report.to_dict())
    report.require()
