"""The commands of the build machine, a thin shell over the functions of `edgebert`."""

import sys
from collections.abc import Callable
from functools import cache, partial, wraps
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from edgebert._version import __version__
from edgebert.cli import (
    PROGRAM,
    build,
    compress,
    mobile,
    page,
    profile,
    push,
    report,
    search,
    variants,
)
from edgebert.cli.explain import INSTEAD
from edgebert_runtime.cli.ending import run_to_end
from edgebert_runtime.cli.main import command_summaries

COMMANDS: Final[dict[str, tuple[Callable[..., None], str]]] = {
    "export": (build.export, "path/to/checkpoint my-model"),
    "train": (
        build.train,
        "my-classifier --task classify --base path/to/minilm --data train.csv",
    ),
    "trim": (compress.trim, "path/to/checkpoint smaller --texts corpus.txt"),
    "prune": (compress.prune, "path/to/checkpoint faster --speed 1.5x --texts texts.txt"),
    "distil": (
        compress.distil,
        "path/to/checkpoint smaller --student layers=3 --data texts.txt",
    ),
    "compress": (
        search.compress,
        "path/to/checkpoint my-model --budget 'recall_drop<=3%' --eval pairs.csv --speed 2x",
    ),
    "quantize": (build.quantize, "my-model --recipe int8"),
    "verify": (build.verify, "my-model --against path/to/checkpoint"),
    "inspect": (build.inspect, "my-model"),
    "default": (variants.default, "my-model int8"),
    "remove": (variants.remove, "my-model int8"),
    "upgrade": (variants.upgrade, "my-model"),
    "mobile": (mobile.mobile, "my-model my-app/model"),
    "page": (page.page, "my-model my-page"),
    "push": (push.push, "my-model org/name"),
    "profile": (profile.profile, "my-model --batch 8 --sequence 128"),
    "report": (report.report, "bench.json -o bench.html"),
}
"""Name → what it calls, and what stands behind the name in the example of the help."""


class AllCommands(TyperGroup):
    """Lists the commands of `edgebert-run`, too; `edgebert.cli.main` has handed those over."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the help."""
        return [*super().list_commands(ctx), *_summaries()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; None if there is none."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        summary = _summaries().get(cmd_name)
        panel = "Commands that run a bundle; edgebert-run has them, too"
        return summary and TyperCommand(cmd_name, help=summary, rich_help_panel=panel)


@cache
def _summaries() -> dict[str, str]:
    return command_summaries(INSTEAD)


app = typer.Typer(
    cls=AllCommands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Take a torch text encoder to production on any device: verified, small and fast.",
    epilog="example: edgebert export path/to/checkpoint my-model",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    del version


def _ending(command: Callable[..., None]) -> Callable[..., None]:
    """The command, which exits as those of `edgebert-run` do and not as Typer would."""

    @wraps(command)
    def run(**given: Any) -> None:
        code = run_to_end(PROGRAM, sys.argv[1:], partial(command, **given))
        if code:
            sys.exit(code)

    return run


for name, (command, example) in COMMANDS.items():
    app.command(
        name,
        epilog=f"example: {PROGRAM} {name} {example}",
        rich_help_panel="Commands that make, measure or change a bundle",
    )(_ending(command))
