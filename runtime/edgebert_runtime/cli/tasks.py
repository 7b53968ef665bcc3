"""The command of each task: texts in, answers out."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from edgebert_runtime.cli.options import (
    add_command,
    add_files,
    add_loading,
    add_threads,
    load_model,
)
from edgebert_runtime.cli.progress import counted, progress_at_once, say, summary_line
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import MINUTE
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from edgebert_runtime.io.readers import Source
    from edgebert_runtime.loading.options import LoadOptions
    from edgebert_runtime.tasks.base import TaskModel


def add_task(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", spec: TaskSpec
) -> None:
    """The command of a task, with the options that its spec names."""
    command = add_command(commands, spec.command_name, spec.command.summary)
    add_loading(command)
    for field in fields(spec.options):
        if field.metadata["help"] is not None:
            command.add_argument(
                _flag(field.name),
                default=field.default,
                help=field.metadata["help"],
                **_argparse(field.metadata["argparse"]),
            )
    for former in spec.command.renamed:
        command.add_argument(_flag(former), help=argparse.SUPPRESS)
    if spec.command.parts:
        part = spec.command.parts.name
        command.add_argument(
            "--rows", default="text", choices=("text", part), help=f"a row for each text or {part}"
        )
    add_threads(command)
    add_files(command, pairs=spec.command.pairs != "never")
    if spec.command.question:
        command.add_argument("question", metavar=spec.command.question.upper())
    command.add_argument(
        "texts",
        nargs="*",
        metavar=spec.command.text,
        help="- or none: read standard input, one text a line",
    )
    command.set_defaults(run=_answers, task=spec.name, column_pair=None)


def answer_lines(
    bundle: str, texts: Sequence[str], variant: str, options: "LoadOptions"
) -> Iterator[str]:
    """What the command of the bundle's own task prints for these texts, line by line.

    Args:
        bundle: the folder.
        texts: as that command takes them: for `answer` and `rank` the question or query first;
            none, or `-`: lines of standard input.
        variant: as `load` takes it.
        options: likewise.

    Raises:
        EdgebertError: as `load` and the task's method.
    """
    from edgebert_runtime.io import answer_rows, writers
    from edgebert_runtime.loading.model_opener import load_model as load

    with load(bundle, variant, options) as model:
        spec = require_task(model.info().task)
        asked = spec.command.question
        if asked and not texts:
            raise ConfigError(f"{bundle} has task {spec.name!r}: give a {asked} before the texts")
        question, others = (texts[0], texts[1:]) if asked else (None, texts)
        source = _given(spec, others)
        _, records = answer_rows.answer_rows(spec, model, source, spec.options(), question)
        with closing(records):
            yield from map(writers.json_line, records)


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
        if watched:
            _summarize(model, time.monotonic() - begun, to_file=options.output is not None)


def _task_options(spec: TaskSpec, options: argparse.Namespace) -> TaskOptions:
    """Arguments of the task's method."""
    for former, name in spec.command.renamed.items():
        value = getattr(options, former)
        if value is not None:
            say(f"edgebert-run: warning: {_flag(former)} is called {_flag(name)} now")
            setattr(options, name, value)
    names = [field.name for field in fields(spec.options) if hasattr(options, field.name)]
    return spec.options(**{name: getattr(options, name) for name in names})


def _is_watched(options: argparse.Namespace) -> bool:
    """Whether to show progress: not where a bar would stand between the answers."""
    on_one_terminal = options.output is None and sys.stdout.isatty() and sys.stderr.isatty()
    return not options.quiet and not on_one_terminal


def _summarize(model: "TaskModel[Any]", seconds: float, *, to_file: bool) -> None:
    """What a log should have of a job: one that wrote a file, or took a minute."""
    if not sys.stderr.isatty() and (to_file or seconds >= MINUTE):
        say(f"edgebert-run: {summary_line(model, seconds)}")


def _source(spec: TaskSpec, options: argparse.Namespace) -> "Source":
    """The texts of a file, of arguments, or of standard input."""
    if options.input is not None:
        return _file(spec, options)
    if options.column is not None or options.column_pair is not None:
        raise ConfigError("--column and --column-pair need --input; name a file")
    return _given(spec, options.texts)


def _given(spec: TaskSpec, texts: Sequence[str]) -> "Source":
    from edgebert_runtime.io.readers import PAIR, TEXT, Source, standard_input

    if spec.command.pairs == "always":
        if len(texts) != len(PAIR):
            raise ConfigError(f"{spec.command_name} takes two texts, or --input with --column-pair")
        return Source(PAIR, iter([tuple(texts)]), lambda: 1)
    if list(texts) in ([], ["-"]):
        return standard_input()
    return Source(TEXT, ((text,) for text in texts), lambda: len(texts))


def _file(spec: TaskSpec, options: argparse.Namespace) -> "Source":
    from edgebert_runtime.io.readers import open_file

    if options.texts:
        raise ConfigError("give texts as arguments or with --input, not both")
    if spec.command.pairs == "always" and options.column_pair is None:
        raise ConfigError(
            f"{spec.command_name} takes pairs; name the second column with --column-pair"
        )
    return open_file(options.input, options.column, options.column_pair)
