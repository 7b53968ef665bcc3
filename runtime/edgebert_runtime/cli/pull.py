"""The command `pull`, which fetches a bundle from the Hub."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

SUMMARY = "fetch a bundle from the Hub, verify it and print where it is"


def add_pull(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`pull`, with what it takes."""
    command = commands.add_parser("pull", help=SUMMARY, description=SUMMARY)
    command.add_argument(
        "name", metavar="NAME", help="org/name or org/name@revision, of a repository on the Hub"
    )
    command.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="also copy it to a new folder (default: the cache)",
    )
    command.add_argument(
        "--variant",
        action="append",
        default=[],
        help="only what this variant or precision needs; may be repeated (default: everything)",
    )
    command.add_argument("--force", action="store_true", help="fetch what the cache has, too")
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
