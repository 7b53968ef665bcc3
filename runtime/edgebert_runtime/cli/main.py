"""`edgebert-run`: a bundle from a shell, on a device without torch."""

import argparse
import io
import os
import sys
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import Final

from edgebert_runtime._version import __version__
from edgebert_runtime.cli.commands import COMMANDS
from edgebert_runtime.cli.progress import say
from edgebert_runtime.cli.tasks import add_task
from edgebert_runtime.errors import EdgebertError, OutputError
from edgebert_runtime.tasks.registry import find_task, task_specs

PROGRAM: Final = "edgebert-run"

INTERRUPTED: Final = 130
READER_GONE: Final = 141
"""128 and the number of the signal, as shells have it: SIGINT is 2, SIGPIPE 13."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parse(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            with closing(_lines(options)) as lines:
                _print(lines)
        except EdgebertError as error:
            say(f"edgebert-run: {error}")
            return error.exit_code
        except KeyboardInterrupt:
            say("edgebert-run: interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            return READER_GONE
    return 0


def command_lines(arguments: Sequence[str], program: str) -> Generator[str, None, None]:
    """What a command prints, for another program that has it too.

    Args:
        arguments: the command and its options.
        program: what usage calls the program.

    Raises:
        EdgebertError: as the command.
        SystemExit: the arguments make no sense; usage is on standard error.
    """
    return _lines(_parse(arguments, program))


def _parse(arguments: Sequence[str] | None, program: str = PROGRAM) -> argparse.Namespace:
    """The options; texts may stand behind them, too, which Python 3.11's argparse refuses."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = _parser(program, given[0] if given else None)  # one command starts sooner than all
    options, more = parser.parse_known_args(arguments)
    unknown = [word for word in more if word.startswith("-") and word != "-" and " " not in word]
    if unknown or (more and "texts" not in options):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        options.texts = [*options.texts, *more]
    return options


def _lines(options: argparse.Namespace) -> Generator[str, None, None]:
    yield from options.run(options)


def _print(lines: Iterable[str]) -> None:
    """Write lines to standard output, each at once.

    Raises:
        BrokenPipeError: nobody reads on.
        OutputError: they cannot be written.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    for line in lines:
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _let_go_of_output()
            raise
        except OSError as error:
            _let_go_of_output()
            raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def _let_go_of_output() -> None:
    """What is still to be flushed goes nowhere; Python would complain of it when it ends.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"edgebert-run: warning: {message}")


def _parser(program: str, wanted: str | None) -> argparse.ArgumentParser:
    """The parser of one command, or of all where `wanted` is none of them."""
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    if wanted in COMMANDS:
        COMMANDS[wanted](commands)
        return parser
    spec = find_task(wanted.replace("-", "_")) if wanted else None
    if spec is not None:
        add_task(commands, spec)
        return parser
    for each in task_specs():
        add_task(commands, each)
    for add in COMMANDS.values():
        add(commands)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
