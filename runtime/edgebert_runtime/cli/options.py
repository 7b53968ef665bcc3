"""Options that several commands share."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.engine.providers import PROVIDERS, parse_options

if TYPE_CHECKING:
    from edgebert_runtime.loading.options import LoadOptions
    from edgebert_runtime.tasks.base import TaskModel

BUNDLE_HELP: Final = "folder of the bundle, or its name on the Hub: org/name or org/name@revision"
WARM_HELP: Final = "cache the graph as this machine runs it, so that load is faster; prints where"
PROVIDER_HELP: Final = f"auto, {', '.join(PROVIDERS)}"
PROVIDER_OPTION_HELP: Final = "an option of the provider, as NAME=VALUE; may be repeated"
VARIANT_HELP: Final = "a variant or a precision (default: auto, the bundle's default)"


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    """A command that takes a bundle."""
    command = commands.add_parser(name, help=summary, description=summary)
    command.add_argument("bundle", metavar="BUNDLE", help=BUNDLE_HELP)
    return command


def add_loading(command: argparse.ArgumentParser) -> None:
    """What `load_options` reads: variant, provider and its options."""
    command.add_argument("--variant", default="auto", help=VARIANT_HELP)
    add_provider(command)
    command.set_defaults(threads=None)


def add_provider(command: argparse.ArgumentParser) -> None:
    """The provider and its options."""
    command.add_argument("--provider", default="auto", help=PROVIDER_HELP)
    command.add_argument(
        "--provider-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=PROVIDER_OPTION_HELP,
    )


def add_threads(command: argparse.ArgumentParser) -> None:
    """The number of threads."""
    command.add_argument("--threads", type=int, help="at most N threads (default: every core)")


def add_files(command: argparse.ArgumentParser, *, pairs: bool) -> None:
    """Where texts come from and where answers go."""
    command.add_argument(
        "--input", type=Path, metavar="FILE", help="texts: .txt, .csv, .jsonl or .parquet"
    )
    command.add_argument("--column", help="column of that file with the texts (default: text)")
    if pairs:
        command.add_argument("--column-pair", help="column of that file with the second texts")
    command.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="answers: .jsonl, .csv or .parquet; vectors also .npy (default: standard output)",
    )
    command.add_argument("--overwrite", action="store_true", help="replace an existing file")
    command.add_argument("--quiet", action="store_true", help="show no progress bar")


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
