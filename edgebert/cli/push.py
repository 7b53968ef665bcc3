"""The command that uploads a bundle to the Hub."""

from pathlib import Path
from typing import Annotated

import typer


def push(
    bundle: Annotated[Path, typer.Argument(help="folder of the bundle")],
    name: Annotated[str, typer.Argument(help="repository on the Hub: org/name")],
    private: Annotated[bool, typer.Option(help="make a new repository a private one")] = False,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="branch (default: the main one)")
    ] = None,
    message: Annotated[
        str | None, typer.Option(help="message of the commit (default: it names the model)")
    ] = None,
) -> None:
    """Upload a bundle to the Hub; prints its address and the line that loads it."""
    import edgebert

    pushed = edgebert.push(
        bundle, name, private=private, revision=revision, message=message, progress=True
    )
    typer.echo(pushed.url)
    typer.echo(f'load("{pushed.name}")')
