"""`edgebert-run`: a bundle from a shell, on a device without torch.

`edgebert` has the same commands: it hands their arguments over to `main`.
"""

import argparse
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from types import MappingProxyType
from typing import Final, TypeAlias

from edgebert_runtime import __version__
from edgebert_runtime.cli.batch import BATCH, add_batch, task_of_batch
from edgebert_runtime.cli.commands import COMMANDS
from edgebert_runtime.cli.ending import run_to_end
from edgebert_runtime.cli.options import Commands, Parser
from edgebert_runtime.cli.output import print_lines
from edgebert_runtime.cli.run import RUN, task_of_first_bundle
from edgebert_runtime.cli.tasks import add_task
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.page_writer import PageWriter, PlainPages
from edgebert_runtime.tasks.registry import COMMAND_NAMES, find_task, task_specs
from edgebert_runtime.tasks.spec import TaskSpec

PROGRAM: Final = "edgebert-run"
ABOUT: Final = "Run the bundle of a text encoder on this machine, without torch."
PLAIN: Final = PlainPages()
HELP: Final = ("-h", "--help")

AddCommand: TypeAlias = Callable[[Commands], None]
"""Adds a command to others."""

NONE: Final[Mapping[str, AddCommand]] = MappingProxyType({})


def main(
    arguments: Sequence[str] | None = None,
    program: str = PROGRAM,
    pages: PageWriter = PLAIN,
    instead: Mapping[str, AddCommand] = NONE,
) -> int:
    """Run the command; returns its exit code.

    Args:
        arguments: the command and its arguments; None is what the process was started with.
        program: what usage and messages call the program.
        pages: writes the files of `--html`.
        instead: name → what adds that command in place of the one here.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    return run_to_end(program, given, lambda: _run(given, program, pages, {**COMMANDS, **instead}))


def is_command(name: str) -> bool:
    """Whether `main` has a command of this name."""
    return name in COMMANDS or _find_task(name) is not None


def command_parsers(
    program: str = PROGRAM, instead: Mapping[str, AddCommand] = NONE
) -> dict[str, argparse.ArgumentParser]:
    """Every command, and the parser of its arguments.

    Args:
        program: what usage calls the program.
        instead: as for `main`.
    """
    commands = _subcommands(_root(program))
    _add_all(commands, {**COMMANDS, **instead})
    return dict(commands.choices)


def command_summaries(instead: Mapping[str, AddCommand] = NONE) -> dict[str, str]:
    """Every command, and what it does; `instead` is as for `main`."""
    return {
        name: str(command.description).partition("\n")[0]
        for name, command in command_parsers(instead=instead).items()
    }


def _run(
    given: Sequence[str], program: str, pages: PageWriter, known: Mapping[str, AddCommand]
) -> None:
    options = _parse(given, program, pages, known)
    with closing(_lines(options)) as lines:
        print_lines(lines)


def _lines(options: argparse.Namespace) -> Generator[str, None, None]:
    yield from options.run(options)


def _parse(
    given: Sequence[str], program: str, pages: PageWriter, known: Mapping[str, AddCommand]
) -> argparse.Namespace:
    """The options; texts may stand behind them, too, which Python 3.11's argparse refuses."""
    parser = _root(program)
    parser.set_defaults(program=program, arguments=given, pages=pages)
    _add_wanted(_subcommands(parser), given, known)
    options, more = parser.parse_known_args(given)
    unknown = [word for word in more if word.startswith("-") and word != "-" and " " not in word]
    if unknown or (more and "texts" not in options):
        raise ConfigError(
            f"unrecognized arguments: {' '.join(more)}; see `{program} {given[0]} --help`"
        )
    if more:
        options.texts = [*options.texts, *more]
    return options


def _root(program: str) -> argparse.ArgumentParser:
    parser = Parser(prog=program, description=ABOUT)
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    parser.epilog = f'example: {program} run my-model "a text"'
    return parser


def _subcommands(parser: argparse.ArgumentParser) -> Commands:
    return parser.add_subparsers(required=True, metavar="COMMAND", title="commands")


def _add_wanted(commands: Commands, given: Sequence[str], known: Mapping[str, AddCommand]) -> None:
    """The command that is wanted, which starts sooner than all; all where it is none of them."""
    name, *arguments = given or [""]
    task = _find_task(name)
    if task is not None:
        add_task(commands, task, task.command_name)
    elif name == RUN and arguments and arguments[0] not in HELP:
        add_task(commands, task_of_first_bundle(arguments), RUN)
    elif name == BATCH:
        add_batch(commands, task_of_batch(arguments))
    elif name in known:
        known[name](commands)
    else:
        _add_all(commands, known)


def _add_all(commands: Commands, known: Mapping[str, AddCommand]) -> None:
    for task in task_specs():
        add_task(commands, task, task.command_name)
    for add in known.values():
        add(commands)


def _find_task(name: str) -> TaskSpec | None:
    """The task whose command has this name."""
    if name in COMMAND_NAMES or name.startswith("-"):
        return None
    return find_task(name.replace("-", "_"))


if __name__ == "__main__":
    raise SystemExit(main())
