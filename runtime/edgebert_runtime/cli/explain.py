"""The command `explain`: which words an answer hangs on."""

import argparse
from collections.abc import Iterator
from typing import Final

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
from edgebert_runtime.progress import still

SUMMARY: Final = "Show how much each word contributes to an answer"
METHODS: Final = ("shapley", "leave_one_out", "occlusion")


def add_explain(commands: Commands) -> None:
    """`explain`, for one text or one pair."""
    command = add_command(commands, "explain", SUMMARY, example='my-model "I liked it."')
    command.add_argument("text", metavar="TEXT", help="the text, or the first of a pair")
    add_option(
        command,
        "--pair",
        "the second text: a document, a context, or what TEXT is compared with (default: none)",
        metavar="TEXT",
    )
    help_text = "how words are attributed; may be repeated (default: shapley)"
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
    add_loading(command)
    add_threads(command)
    add_json(command)
    command.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> Iterator[str]:
    """The explanation, as JSON or for people."""
    from edgebert_runtime.io.writers import json_line

    item = options.text if options.pair is None else (options.text, options.pair)
    with load_model(options, None) as model, still(f"explaining {options.bundle}"):
        found = model.explain(
            item,
            method=options.method or METHODS[:1],
            answer=options.answer,
            window=options.window,
            error=options.error,
            most_runs=options.most_runs,
        )
    if is_for_people(as_json=options.json):
        yield from found.lines(output_width())
    else:
        yield json_line(found.to_dict())
