"""The command that writes a page which runs a bundle in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli.options import BundleFolder


def page(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Argument(help="folder to write")],
    variant: Annotated[
        str,
        typer.Option(
            help="name or precision of a portable variant (default: the bundle's default precision)"
        ),
    ] = "auto",
    task: Annotated[
        str | None,
        typer.Option(
            help="embed, classify, tag, answer, rank, fill or next_sentence (default: the bundle's "
            "default task)"
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="heading of the page (default: the model's name)")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="replace what this command wrote before")] = False,
) -> None:
    """Write a static folder whose page runs the bundle in the visitor's browser."""
    from edgebert.workflow.page import page as write
    from edgebert_runtime.measurement.units import MEBIBYTE

    folder = write(
        bundle, out, variant=variant, task=task, title=title, overwrite=overwrite, progress=True
    )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    typer.echo(f"{size / MEBIBYTE:8.1f} MiB  {out}")
    typer.echo(f"open it with: python -m http.server --directory {out}")
