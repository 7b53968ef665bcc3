"""The command that writes the files of an app."""

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli.options import BundleFolder


def mobile(
    bundle: BundleFolder,
    out: Annotated[Path, typer.Argument(help="folder to write")],
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="name or precision of a portable variant; may be given several times "
            "(default: the bundle's default precision)"
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="replace what this command wrote before")] = False,
) -> None:
    """Write what an app on Android or iOS needs: .ort graphs, tokenizer, samples and a page."""
    from edgebert.workflow.mobile import mobile as write
    from edgebert_runtime.measurement.units import MEBIBYTE

    folder = write(bundle, out, variants=variant or (), overwrite=overwrite, progress=True)
    for path in sorted(folder.iterdir()):
        typer.echo(f"{path.stat().st_size / MEBIBYTE:8.1f} MiB  {out / path.name}")
