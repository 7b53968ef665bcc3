"""The command of each task: texts in, answers out."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from edgebert_runtime.cli.options import (
    Commands,
    add_command,
    add_files,
    add_loading,
    add_option,
    add_threads,
    load_model,
)
from edgebert_runtime.cli.progress import counted, progress_at_once, say, summary_line, variant_line
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import MINUTE
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from edgebert_runtime.io.readers import Source
    from edgebert_runtime.tasks.base import TaskModel


def add_task(commands: Commands, spec: TaskSpec, name: str) -> None:
    """The command of a task, with the options that its spec names.

    Args:
        commands: what it is added to.
        spec: of the task.
        name: of the command.
    """
    example = f"my-model {spec.command_example}"
    command = add_command(commands, name, spec.command.summary, example=example)
    add_loading(command)
    add_task_options(command, spec)
    for former in spec.command.renamed:
        command.add_argument(_flag(former), help=argparse.SUPPRESS)
    if spec.command.parts:
        part = spec.command.parts.name
        help_text = f"write a row for each text, or for each {part}"
        add_option(command, "--rows", help_text, "text", choices=("text", part))
    add_threads(command)
    add_files(command, pairs=spec.command.pairs != "never", vectors=not spec.has_head)
    question = spec.command.question
    if question:
        help_text = f"the {question} that comes before every text"
        command.add_argument("question", metavar=question.upper(), help=help_text)
    help_text = "texts; with none, or -, each line of standard input is one"
    if spec.command.pairs == "always":
        help_text = "two texts; with --input none"
    command.add_argument("texts", nargs="*", metavar=spec.command.text, help=help_text)
    command.set_defaults(run=_answers, task=spec.name, column_pair=None)


def add_task_options(command: argparse.ArgumentParser, spec: TaskSpec) -> None:
    """Options that are arguments of the task's method."""
    for field in fields(spec.options):
        if field.metadata["help"] is not None:
            add_option(
                command,
                _flag(field.name),
                field.metadata["help"],
                field.default,
                **_argparse(field.metadata["argparse"]),
            )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _argparse(given: dict[str, Any]) -> dict[str, Any]:
    """What `add_argument` takes; `boolean` stands for a pair of `--name` and `--no-name`."""
    boolean = given.get("action") == "boolean"
    return {**given, "action": argparse.BooleanOptionalAction} if boolean else given


def _answers(options: argparse.Namespace) -> Iterator[str]:
    """Lines for standard output; none where the answers go to a file."""
    from edgebert_runtime.io import answer_rows, writers

    spec = require_task(options.task)
    if options.output is not None:
        writers.check_output(options.output, overwrite=options.overwrite)
    source, chosen = _source(spec, options), _task_options(spec, options)
    question = getattr(options, "question", None)
    with load_model(options, spec.name) as model:
        watched, begun = _is_watched(options), time.monotonic()
        columns, records = answer_rows.answer_rows(
            spec,
            model,
            source,
            chosen,
            question,
            progress=progress_at_once(sys.stderr) if watched else False,
        )
        if watched and spec.answer_all is None:
            records = counted(records, source.count, sys.stderr)
        if spec.command.parts and options.rows == spec.command.parts.name:
            columns, records = answer_rows.part_rows(spec.command.parts, records)
        with closing(records):
            if options.output is None:
                yield from map(writers.json_line, records)
            else:
                writers.write_records(options.output, columns, records)
        if not options.quiet:
            _summarize(model, time.monotonic() - begun, options)


def _task_options(spec: TaskSpec, options: argparse.Namespace) -> TaskOptions:
    """Arguments of the task's method."""
    for former, name in spec.command.renamed.items():
        value = getattr(options, former)
        if value is not None:
            say(f"{options.program}: warning: {_flag(former)} is called {_flag(name)} now")
            setattr(options, name, value)
    return read_task_options(spec, options)


def read_task_options(spec: TaskSpec, options: argparse.Namespace) -> TaskOptions:
    """Arguments of the task's method, as `add_task_options` has them.

    Raises:
        ConfigError, InputError: they make no sense.
    """
    names = [field.name for field in fields(spec.options) if hasattr(options, field.name)]
    return spec.options(**{name: getattr(options, name) for name in names})


def _is_watched(options: argparse.Namespace) -> bool:
    """Whether to show progress: not where a bar would stand between the answers."""
    on_one_terminal = options.output is None and sys.stdout.isatty() and sys.stderr.isatty()
    return not options.quiet and not on_one_terminal


def _summarize(model: "TaskModel[Any]", seconds: float, options: argparse.Namespace) -> None:
    """Which variant answered; of a job for a log, one that wrote a file or took a minute, more."""
    job = options.output is not None or seconds >= MINUTE
    logged = job and not sys.stderr.isatty()
    line = summary_line(model, seconds) if logged else f"answered by {variant_line(model)}"
    say(f"{options.program}: {line}")


def _source(spec: TaskSpec, options: argparse.Namespace) -> "Source":
    """The texts of a file, of arguments, or of standard input."""
    if options.input is not None:
        return _file(spec, options)
    if options.column is not None or options.column_pair is not None:
        raise ConfigError("--column and --column-pair need --input; name a file")
    return _given(spec, options.texts)


def _given(spec: TaskSpec, texts: Sequence[str]) -> "Source":
    from edgebert_runtime.io.readers import PAIR, given_texts, standard_input

    if spec.command.pairs == "always":
        if len(texts) != len(PAIR):
            raise ConfigError(f"{spec.command_name} takes two texts, or --input with --column-pair")
        return given_texts([tuple(texts)], PAIR)
    if list(texts) in ([], ["-"]):
        return standard_input()
    return given_texts([(text,) for text in texts])


def _file(spec: TaskSpec, options: argparse.Namespace) -> "Source":
    from edgebert_runtime.io.readers import open_file

    if options.texts:
        raise ConfigError("give texts as arguments or with --input, not both")
    if spec.command.pairs == "always" and options.column_pair is None:
        raise ConfigError(
            f"{spec.command_name} takes pairs; name the second column with --column-pair"
        )
    return open_file(options.input, options.column, options.column_pair)
