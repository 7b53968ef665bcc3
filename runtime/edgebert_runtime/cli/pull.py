"""The command `pull`, which fetches a bundle from the Hub."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edgebert_runtime.cli.options import Commands, add_option

SUMMARY: Final = "Fetch a bundle from the Hub, verify it and print where it is"


def add_pull(commands: Commands) -> None:
    """`pull`, with what it takes."""
    command = commands.add_parser("pull", help=SUMMARY, description=SUMMARY)
    command.epilog = f"example: {command.prog} org/name@v1.0 --to my-model"
    command.add_argument(
        "name", metavar="NAME", help="org/name or org/name@revision, of a repository on the Hub"
    )
    help_text = "also copy it to a new folder (default: only to the cache)"
    add_option(command, "--to", help_text, type=Path, metavar="FOLDER")
    help_text = "only what this variant or precision needs; may be repeated (default: everything)"
    add_option(command, "--variant", help_text, [], action="append", metavar="NAME")
    command.add_argument("--force", action="store_true", help="download again what the cache has")
    command.add_argument("--overwrite", action="store_true", help="replace the bundle in FOLDER")
    command.set_defaults(run=_pull)


def _pull(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.loading.pulling import pull

    pulled = pull(
        options.name,
        options.to,
        options.variant,
        force=options.force,
        overwrite=options.overwrite,
    )
    found = {
        "folder": str(pulled.folder),
        "name": str(pulled.name),
        "variants": list(pulled.variants),
        "size_bytes": pulled.size_bytes,
        "fetched_bytes": pulled.fetched_bytes,
    }
    yield json.dumps(found)
