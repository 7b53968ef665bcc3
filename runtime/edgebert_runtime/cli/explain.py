"""The command `explain`: which words an answer hangs on, and where tokens attend to."""

import argparse
import re
from collections.abc import Iterator
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.cli.options import (
    Commands,
    add_command,
    add_json,
    add_loading,
    add_option,
    add_threads,
    load_model,
)
from edgebert_runtime.cli.output import is_for_people, output_width
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.loading.choice import AUTO
from edgebert_runtime.progress import still

if TYPE_CHECKING:
    from edgebert_runtime import Explanation
    from edgebert_runtime.tasks.base import TaskModel

SUMMARY: Final = "Show how much each word contributes to an answer, or where tokens attend to"
TEXT_HELP: Final = "the text, or the first of a pair"
ATTENTION: Final = "attention"
"""A method, and the variant that it takes."""
METHODS: Final = ("shapley", "leave_one_out", "occlusion", ATTENTION)
HEAD: Final = re.compile(r"(\d{1,6})\.(\d{1,6})")


def add_explain(commands: Commands) -> None:
    """`explain`, for one text or one pair."""
    command = add_command(commands, "explain", SUMMARY, example='my-model "I liked it."')
    command.add_argument("text", metavar="TEXT", help=TEXT_HELP)
    add_explaining(command)
    command.set_defaults(run=_explain)


def add_explaining(command: argparse.ArgumentParser) -> None:
    """What `check_head`, `explained`, `explained_bundle` and `explanation_lines` read."""
    add_option(
        command,
        "--pair",
        "the second text: a document, a context, or what TEXT is compared with (default: none)",
        metavar="TEXT",
    )
    help_text = "how words are attributed, or attention; may be repeated (default: shapley)"
    add_option(command, "--method", help_text, choices=METHODS, action="append")
    add_option(
        command,
        "--answer",
        "a label, a token, or the text of an answer or entity to explain (default: the best)",
        metavar="NAME",
    )
    help_text = "neighbouring words that occlusion takes out together"
    add_option(command, "--window", help_text, 3, type=int, metavar="N")
    help_text = "standard error at which sampling stops, as a share of the answer"
    add_option(command, "--error", help_text, 0.01, type=float, metavar="X")
    help_text = "texts that sampling may run"
    add_option(command, "--most-runs", help_text, 4_000, type=int, metavar="N")
    add_option(
        command,
        "--head",
        "with attention: print the map of one head, too, both numbers from 0; JSON has all "
        "(default: none)",
        metavar="LAYER.HEAD",
    )
    add_loading(command)
    add_threads(command)
    add_json(command)


def explained_bundle(options: argparse.Namespace) -> "Explanation":
    """The explanation that the options ask a bundle for: words and attention by their variants.

    One variant is open at a time; the one that shows attention is first, for it runs one text.

    Raises:
        EdgebertError: as `load` and `explain`.
    """
    found = []
    for variant, methods in methods_by_variant(options).items():
        part = copy(options)
        part.variant, part.method = variant, methods
        if methods != methods_of(options) and methods == [ATTENTION]:
            part.answer = None  # which is about words
        with load_model(part, None) as model:
            found.append(explained(part, model))
    return found[-1].with_attention(found[0]) if len(found) > 1 else found[0]


def methods_by_variant(options: argparse.Namespace) -> dict[str, list[str]]:
    """Which variant runs which methods.

    Words are attributed by the variant that the options name, and attention is shown by the one
    that is for it. A variant that is named for attention alone is taken at its word.
    """
    methods = methods_of(options)
    words = [each for each in methods if each != ATTENTION]
    if not words:
        return {ATTENTION if options.variant == AUTO else options.variant: [ATTENTION]}
    if ATTENTION not in methods or options.variant == ATTENTION:
        return {options.variant: methods}
    return {ATTENTION: [ATTENTION], options.variant: words}


def explained(options: argparse.Namespace, model: "TaskModel[Any]") -> "Explanation":
    """The explanation that the options ask a model for.

    Raises:
        EdgebertError: as `explain`.
    """
    return model.explain(
        options.text if options.pair is None else (options.text, options.pair),
        method=methods_of(options),
        answer=options.answer,
        window=options.window,
        error=options.error,
        most_runs=options.most_runs,
    )


def explanation_lines(found: "Explanation", options: argparse.Namespace) -> Iterator[str]:
    """An explanation, as JSON or for people.

    Raises:
        InputError: the head that is asked for is not there.
    """
    from edgebert_runtime.io.writers import json_line

    head = check_head(options)
    shown = () if head is None else found.head_lines(*head, output_width())
    if is_for_people(as_json=options.json):
        yield from (*found.lines(output_width()), *shown)
    else:
        yield json_line(found.to_dict())


def methods_of(options: argparse.Namespace) -> list[Any]:
    """The methods that are asked for."""
    return options.method or ["shapley"]


def check_head(options: argparse.Namespace) -> tuple[int, int] | None:
    """Layer and head, as they were typed; None for none.

    Raises:
        ConfigError: they are no two numbers, or attention is not asked for.
    """
    if options.head is None:
        return None
    found = HEAD.fullmatch(options.head)
    if found is None:
        raise ConfigError(f"--head takes LAYER.HEAD, such as 0.3, got {options.head!r}")
    if ATTENTION not in methods_of(options):
        raise ConfigError("--head goes with --method attention")
    return int(found[1]), int(found[2])


def _explain(options: argparse.Namespace) -> Iterator[str]:
    check_head(options)
    with still(f"explaining {options.bundle}"):
        found = explained_bundle(options)
    yield from explanation_lines(found, options)
