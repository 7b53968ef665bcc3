"""`docs/reference/commands.md`, made from the parsers of both programs.

`python -m tests.support.commands_page` writes it.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from edgebert.cli.app import COMMANDS, app
from edgebert.cli.explain import INSTEAD
from edgebert_runtime.cli.main import command_parsers

FILE: Final = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"

PROGRAM: Final = "edgebert"
VALUES: Final = {"Path": "PATH", "str": "TEXT", "int": "N", "float": "NUMBER"}
"""Type of an option of Typer → what the page calls its value."""

DEFAULT: Final = re.compile(r" ?\(default: ([^()]*)\)")

INTRODUCTION: Final = """\
<!-- python -m tests.support.commands_page -->

# Commands

`edgebert` is the program of the build machine. `edgebert-run` is the program of the device: it is
installed with `edgebert-runtime` alone and needs no torch. `edgebert` has every command of
`edgebert-run`.

Results go to standard output. Progress and messages go to standard error. [Errors and exit
codes](errors.md) lists the exit codes. `--help` of a command shows its options; `--version` of a
program shows its version.
"""

PARTS: Final = (
    "Commands of both programs",
    "These commands run, check or measure a bundle. `edgebert-run` takes the same options; only "
    "its `explain` takes a bundle alone, and writes no page.",
    "Commands of the build machine",
    "Only `edgebert` has these commands. They make, change or measure a bundle.",
)


@dataclass(frozen=True, kw_only=True)
class Option:
    """An argument or an option of a command.

    Attributes:
        name: as it is typed.
        value: what stands for its value; empty if it takes none.
        default: its value where nobody gives one, in words.
        help: what it does.
    """

    name: str
    value: str
    default: str
    help: str

    def __str__(self) -> str:
        value = f"`{self.value}`" if self.value else ""
        cells = (f"`{self.name}`", value, self.default, self.help)
        return f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |"


class Listing(argparse.RawDescriptionHelpFormatter):
    """A formatter that keeps what it is asked to format."""

    actions: list[argparse.Action]

    def add_argument(self, action: argparse.Action) -> None:
        """Keep it, and format it as usual."""
        self.actions.append(action)
        super().add_argument(action)


def text() -> str:
    """The page."""
    both, about_both, build, about_build = PARTS
    lines = [INTRODUCTION, f"## {both}\n\n{about_both}\n"]
    for name, parser in command_parsers(PROGRAM, INSTEAD).items():
        lines += _command(name, str(parser.description), str(parser.epilog), _of_parser(parser))
    lines.append(f"## {build}\n\n{about_build}\n")
    group: Any = typer.main.get_command(app)
    for name in COMMANDS:
        found = group.get_command(None, name)
        options = [_of_typer(each) for each in found.params if not each.hidden]
        lines += _command(name, found.help, found.epilog, options)
    return "\n".join(lines)


def _command(name: str, summary: str, example: str, options: list[Option]) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield f"{_plain(summary.removesuffix('.'))}.\n"
    yield f"Example: `{example.removeprefix('example: ')}`\n"
    yield "| argument or option | value | default | meaning |\n|---|---|---|---|"
    yield from map(str, options)
    yield ""


def _of_parser(parser: argparse.ArgumentParser) -> list[Option]:
    actions: list[argparse.Action] = []
    formatter: Any = type("Formatter", (Listing,), {"actions": actions})
    parser.formatter_class = formatter
    parser.format_help()
    positional = [action for action in actions if not action.option_strings]
    named = [action for action in actions if action.option_strings and action.dest != "help"]
    shown = [each for each in (*positional, *named) if each.help != argparse.SUPPRESS]
    return [_of_action(action) for action in shown]


def _of_action(action: argparse.Action) -> Option:
    takes_value = action.nargs != 0
    value = "" if action.choices is None else " ".join(map(str, action.choices))
    value = value or str(action.metavar or "")
    name = ", ".join(action.option_strings) or str(action.metavar)
    if not action.option_strings or not takes_value:
        value = ""
    help_text, default = _parts(str(action.help))
    required = not action.option_strings and action.nargs not in ("*", "?")
    return Option(name=name, value=value, default=default or _required(required), help=help_text)


def _of_typer(found: Any) -> Option:
    help_text, default = _parts(found.help or "")
    flag = getattr(found, "is_flag", False)
    if not default and not found.required and not flag and found.default is not None:
        default = f"`{found.default}`"
    named = found.param_type_name == "option"
    kind = getattr(found.type_descriptor.annotation, "__name__", "str")
    value = "" if flag or not named else found.metavar or VALUES.get(kind, "TEXT")
    name = ", ".join((*found.opts, *found.secondary_opts)) if named else found.name.upper()
    return Option(
        name=name, value=value, default=default or _required(found.required), help=help_text
    )


def _parts(help_text: str) -> tuple[str, str]:
    """What an option does, and its default in words."""
    found = DEFAULT.search(help_text)
    plain = _plain(DEFAULT.sub("", help_text))
    return plain, "" if found is None else _plain(found[1])


def _plain(help_text: str) -> str:
    """Words that Markdown shows as they are."""
    words = " ".join(help_text.split())
    return re.sub(r"([<>*_\[\]])", r"\\\1", words.replace("\\", "\\\\"))


def _required(required: bool) -> str:
    return "required" if required else ""


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
