"""The command `explain` of the build machine: also of a checkpoint, and as a page."""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.bundle.manifest import MANIFEST_NAME
from edgebert_runtime.bundle.manifest_values import ATTENTION
from edgebert_runtime.cli.explain import (
    SUMMARY,
    TEXT_HELP,
    add_explaining,
    check_head,
    explained,
    explained_bundle,
    explanation_lines,
    methods_by_variant,
)
from edgebert_runtime.cli.main import AddCommand
from edgebert_runtime.cli.options import Commands
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.loading.choice import AUTO
from edgebert_runtime.progress import steps

if TYPE_CHECKING:
    from edgebert_runtime import Explanation
    from edgebert_runtime.tasks.base import TaskModel

SOURCE_HELP: Final = (
    "folder of a checkpoint or bundle, a bundle on the Hub, or a file of explain --json, "
    "without TEXT"
)


def add_explain(commands: Commands) -> None:
    """`explain`, which takes what `edgebert-run explain` takes, and more."""
    command = commands.add_parser("explain", help=SUMMARY, description=SUMMARY)
    command.epilog = f'example: {command.prog} my-model "I liked it." --output page.html'
    command.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    command.add_argument("text", nargs="?", metavar="TEXT", help=TEXT_HELP)
    help_text = "HTML page to write (default: none, the explanation is printed)"
    command.add_argument("--output", "-o", type=Path, metavar="FILE", help=help_text)
    command.add_argument("--overwrite", action="store_true", help="replace what is there")
    add_explaining(command)
    command.set_defaults(run=_explain)


INSTEAD: Final[Mapping[str, AddCommand]] = {"explain": add_explain}
"""Commands of `edgebert-run` that are others in `edgebert`."""


def _explain(options: argparse.Namespace) -> Iterator[str]:
    from edgebert.reporting.explanation.page import check_free, explanation_page

    options.bundle = options.source
    check_head(options)
    _check_text(options)
    if options.output is not None:
        check_free(options.output, overwrite=options.overwrite)
    if Path(options.source).is_file():
        found: Any = options.source
    else:
        found = _explained(options)
    if options.output is None:
        yield from explanation_lines(found, options)
    else:
        yield str(explanation_page(found, options.output, overwrite=options.overwrite))


def _check_text(options: argparse.Namespace) -> None:
    """Refuse a file with a text, or without a page to make of it; and a model without a text.

    Raises:
        ConfigError: what to give instead.
    """
    if not Path(options.source).is_file():
        if options.text is None:
            raise ConfigError(f"name the text that {options.source} is to explain, behind it")
        return
    if options.text is not None or options.pair is not None:
        raise ConfigError(f"{options.source} is a file, an explanation already; leave the text out")
    if options.output is None:
        raise ConfigError(f"{options.source} is a file; name the page to make of it with --output")


def _explained(options: argparse.Namespace) -> "Explanation":
    """By a checkpoint, or by a bundle, which first gets its variant of attention where needed."""
    folder = Path(options.source)
    with steps(True) as tell:
        if folder.is_dir() and not (folder / MANIFEST_NAME).exists():
            with _checkpoint(options) as model:
                tell(f"explaining {folder}")
                found = explained(options, model)
        else:
            if ATTENTION in methods_by_variant(options) and folder.is_dir():
                from edgebert_export import add_attention

                add_attention(folder, progress=tell)
            tell(f"explaining {options.source}")
            found = explained_bundle(options)
    return found


@contextmanager
def _checkpoint(options: argparse.Namespace) -> Iterator["TaskModel[Any]"]:
    """A checkpoint, run by torch.

    Raises:
        ConfigError: an option is given that a bundle alone has.
    """
    import torch

    from edgebert.workflow.torch_model import open_checkpoint

    if options.variant != AUTO or options.provider != AUTO or options.provider_option:
        raise ConfigError(
            f"{options.source} is a checkpoint, which torch runs; leave --variant, --provider and "
            "--provider-option out, or name a bundle"
        )
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    with open_checkpoint(options.source) as model:
        yield model
