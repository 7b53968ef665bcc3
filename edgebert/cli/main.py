"""The `edgebert` command, a thin shell over the functions of `edgebert`.

Exit codes: 0 done, 1 the check failed, 2 the caller's mistake. Results go to standard output,
progress to standard error. No command but `export`, `train` and `verify` loads torch.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer

from edgebert._version import __version__
from edgebert.cli import build, device
from edgebert.cli.push import push
from edgebert.cli.terminal import errors
from edgebert_runtime.cli.main import exit_code
from edgebert_runtime.errors import EdgebertError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Take a torch text encoder to production on any device: verified, small and fast.",
)


def main() -> None:
    """Run the command and exit."""
    with _translated():
        app()


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"edgebert {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    del version


for command in (
    build.export,
    build.train,
    build.quantize,
    build.verify,
    build.inspect,
    push,
    device.run,
    device.profile,
):
    app.command()(command)

# The options are those of `edgebert-run bench`, which reads them.
AS_THEY_ARE: Final = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command(context_settings=AS_THEY_ARE, add_help_option=False)(device.bench)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn our errors into one line and an exit code; anything else keeps its traceback."""
    try:
        yield
    except EdgebertError as error:
        errors.print(f"edgebert: {error}", markup=False, soft_wrap=True)
        sys.exit(exit_code(error))
