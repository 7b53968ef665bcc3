"""Options that several commands share, and how their help is written."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from edgebert_runtime.engine.providers import PROVIDERS, parse_options
from edgebert_runtime.errors import ConfigError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from edgebert_runtime.loading.options import LoadOptions
    from edgebert_runtime.tasks.base import TaskModel

BUNDLE_HELP: Final = "folder of the bundle, or its name on the Hub: org/name or org/name@revision"
VARIANT_HELP: Final = "a variant or a precision (default: auto, which is the bundle's default)"
CHECKED_HELP: Final = "a variant or a precision (default: all, which is every one that runs here)"
TASK_HELP: Final = (
    "embed, classify, tag, answer, rank, fill or next_sentence, where the bundle has several "
    "(default: the bundle's)"
)

ALL: Final = "all"
"""Stands for every variant that runs here."""

Commands: TypeAlias = "_SubParsersAction[argparse.ArgumentParser]"
"""What a command is added to."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with arguments in one line, as the rest of the program does."""

    def __init__(self, **given: Any) -> None:
        shape: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(**{**shape, **given})

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"{message}; see `{self.prog} --help`")


def add_command(
    commands: Commands, name: str, summary: str, *, example: str = "my-model"
) -> argparse.ArgumentParser:
    """A command that takes a bundle.

    Args:
        commands: what it is added to.
        name: of the command.
        summary: what it does, in one line.
        example: what stands behind the name in the example of the help.
    """
    command = commands.add_parser(name, help=summary, description=summary)
    command.epilog = f"example: {command.prog} {example}"
    command.add_argument("bundle", metavar="BUNDLE", help=BUNDLE_HELP)
    return command


def add_option(
    command: argparse.ArgumentParser, flag: str, help: str, default: Any = None, **given: Any
) -> None:
    """An option whose help says its default.

    Args:
        command: what it is added to.
        flag: as it is typed.
        help: what it does; where the default is None or a list, with `(default: …)` in words.
        default: its value where nobody says one.
        given: what `add_argument` takes beside that.
    """
    told = "(default" in help or not isinstance(default, str | int | float) or default is False
    shown = help if told else f"{help} (default: {default})"
    command.add_argument(flag, default=default, help=shown, **given)


def add_loading(
    command: argparse.ArgumentParser, default: str = "auto", help: str = VARIANT_HELP
) -> None:
    """What `load_options` reads: variant, provider and its options."""
    add_option(command, "--variant", help, default, metavar="NAME")
    add_provider(command)
    command.set_defaults(threads=None)


def add_provider(command: argparse.ArgumentParser) -> None:
    """The provider and its options."""
    add_option(
        command,
        "--provider",
        "the part of ONNX Runtime that runs the graph (default: auto, which is cpu)",
        "auto",
        choices=("auto", *PROVIDERS),
    )
    add_option(
        command,
        "--provider-option",
        "an option of the provider; may be repeated (default: none)",
        [],
        action="append",
        metavar="NAME=VALUE",
    )


def add_threads(command: argparse.ArgumentParser) -> None:
    """The number of threads."""
    add_option(
        command, "--threads", "at most N threads (default: every core)", type=int, metavar="N"
    )


def add_files(command: argparse.ArgumentParser, *, pairs: bool, vectors: bool) -> None:
    """Where texts come from and where answers go.

    Args:
        command: what the options are added to.
        pairs: whether its items may be pairs of texts.
        vectors: whether its answers are vectors.
    """
    add_option(
        command,
        "--input",
        "read texts from FILE: .txt, .csv, .jsonl or .parquet (default: from the arguments)",
        type=Path,
        metavar="FILE",
    )
    add_columns(command, pairs=pairs)
    kinds = ".jsonl, .csv, .npy or .parquet" if vectors else ".jsonl, .csv or .parquet"
    add_option(
        command,
        "--output",
        f"write answers to FILE: {kinds} (default: to standard output)",
        type=Path,
        metavar="FILE",
    )
    command.add_argument("--overwrite", action="store_true", help="replace an existing output file")
    command.add_argument(
        "--quiet", action="store_true", help="show neither progress nor the variant"
    )


def add_columns(command: argparse.ArgumentParser, *, pairs: bool) -> None:
    """Where a file has its texts; `pairs`: whether its items may be pairs of texts."""
    column = "column of the input file that has the"
    add_option(command, "--column", f"{column} texts (default: text)", metavar="NAME")
    if pairs:
        help_text = f"{column} second texts (default: none, an item is one text)"
        add_option(command, "--column-pair", help_text, metavar="NAME")


def add_json(command: argparse.ArgumentParser) -> None:
    """Whether programs read what is printed."""
    help_text = "print JSON at a terminal, too (default: JSON only in a pipe or a file)"
    add_option(command, "--json", help_text, default=False, action="store_true")


def load_options(options: argparse.Namespace) -> "LoadOptions":
    """What the shared options mean.

    Raises:
        ConfigError: unknown provider or provider option.
    """
    from edgebert_runtime.loading.options import LoadOptions

    own = parse_options(options.provider_option)
    return LoadOptions.of(options.provider, own, threads=options.threads)


def load_model(options: argparse.Namespace, task: str | None = None) -> "TaskModel[Any]":
    """The model that the shared options name.

    Raises:
        EdgebertError: as `load`.
    """
    from edgebert_runtime.loading.model_opener import load_model as load

    return load(options.bundle, options.variant, load_options(options), task)
