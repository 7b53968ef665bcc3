"""`batch`: answers to all rows of many files, by many processes, that survive any of them."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.cli.options import (
    BUNDLE_HELP,
    TASK_HELP,
    Commands,
    add_columns,
    add_json,
    add_loading,
    add_option,
)
from edgebert_runtime.cli.output import is_for_people, output_width, print_lines
from edgebert_runtime.cli.tasks import add_task_options, read_task_options
from edgebert_runtime.engine.providers import parse_options
from edgebert_runtime.errors import ConfigError, EdgebertError
from edgebert_runtime.tasks.registry import require_task

if TYPE_CHECKING:
    from edgebert_runtime.batch.driver import BatchReport, Part
    from edgebert_runtime.batch.job import Job
    from edgebert_runtime.batch.settings import JobSettings
    from edgebert_runtime.tasks.spec import TaskSpec

BATCH: Final = "batch"
SUMMARY: Final = "Answer all rows of many files in shards; the same command goes on where it ended"
PLACES: Final = {
    "bundle": BUNDLE_HELP,
    "in": "a file of rows, a folder of them or a pattern: .parquet, .jsonl or .csv; or its URL",
    "out": "folder of the answers, or its URL in an object store",
}


def add_batch(commands: Commands, spec: "TaskSpec | None" = None) -> None:
    """`batch`; with a task it has the options of that, too."""
    command = commands.add_parser(BATCH, help=SUMMARY, description=SUMMARY)
    command.epilog = f"example: {command.prog} my-model reviews/ answers/ --column text"
    for name, help_text in PLACES.items():
        command.add_argument(name, metavar=name.upper(), nargs="?", help=help_text)
    add_option(command, "--task", TASK_HELP, metavar="NAME")
    add_loading(command)
    _add_rows(command)
    _add_running(command)
    if spec is None:
        command.description = (
            f"{SUMMARY}\n\nOptions of the bundle's task are taken, too. "
            f"`{command.prog} BUNDLE --help` shows them."
        )
    else:
        add_task_options(command, spec)
    command.set_defaults(run=_run, spec=spec)


def task_of_batch(arguments: Sequence[str]) -> "TaskSpec | None":
    """The task that is asked for, or that of the first argument that is a bundle; None without."""
    from edgebert_runtime.loading.model_opener import task_of

    known = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    known.add_argument("--task")
    known.add_argument("--status")
    with suppress(argparse.ArgumentError):
        asked, others = known.parse_known_args(list(arguments))
        if asked.task is not None:
            return require_task(asked.task)
        for argument in others if asked.status is None else ():
            with suppress(EdgebertError, OSError, ValueError):
                return task_of(argument)
    return None


def _add_rows(command: argparse.ArgumentParser) -> None:
    """Which rows, and what to do with bad ones."""
    from edgebert_runtime.batch.settings import KEEP_ALL, MAX_CHARS, SHARD_ROWS

    add_columns(command, pairs=True)
    help_text = "first text of every item: the question of answer, the query of rank"
    add_option(command, "--question", f"{help_text} (default: none)", metavar="TEXT")
    help_text = "columns that answers keep: all, none, or names with commas between"
    add_option(command, "--keep", help_text, KEEP_ALL, metavar="NAMES")
    help_text = "what to do with a bad row: null answers, no row, or the end of the job"
    add_option(command, "--on-bad", help_text, "null", choices=("null", "skip", "fail"))
    help_text = "longest text in characters that is run"
    add_option(command, "--max-chars", help_text, MAX_CHARS, type=int, metavar="N")
    help_text = "rows of a shard, about"
    add_option(command, "--shard-rows", help_text, SHARD_ROWS, type=int, metavar="N")


def _add_running(command: argparse.ArgumentParser) -> None:
    """Where it runs, and what is told."""
    from edgebert_runtime.batch.engines.registry import ENGINES

    add_option(command, "--engine", "what runs the units", "local", choices=tuple(ENGINES))
    help_text = "address of the engine's cluster (default: the engine's own)"
    add_option(command, "--address", help_text, metavar="ADDRESS")
    help_text = "units that are answered at once (default: one for each --threads cores)"
    add_option(command, "--workers", help_text, type=int, metavar="N")
    add_option(command, "--threads", "at most N threads a worker", 1, type=int, metavar="N")
    help_text = "answer only share I of N, counted from 0, without the others (default: 0/1)"
    add_option(command, "--part", help_text, "0/1", metavar="I/N")
    help_text = "show how far the job of folder OUT is, and do nothing (default: run the job)"
    add_option(command, "--status", help_text, metavar="OUT")
    add_json(command)
    command.add_argument("--quiet", action="store_true", help="show no progress")


def _run(options: argparse.Namespace) -> Iterator[str]:
    given = [name for name in PLACES if getattr(options, name) is not None]
    if options.status is not None:
        if given:
            raise ConfigError("--status takes the folder of a job, and nothing beside it")
        return _status(options)
    if len(given) < len(PLACES):
        raise ConfigError("name BUNDLE, IN and OUT; or the folder of a job with --status")
    return _answers(options)


def _status(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.batch.status import status_of
    from edgebert_runtime.io.writers import json_line

    report = status_of(options.status)
    if is_for_people(as_json=options.json):
        yield from report.lines(output_width())
    else:
        yield json_line(report.to_dict())


def _answers(options: argparse.Namespace) -> Iterator[str]:
    """The report of this driver, and records of how far it is; units given up end it with 1."""
    from edgebert_runtime.batch.driver import require_all
    from edgebert_runtime.batch.planner import plan_job
    from edgebert_runtime.io.writers import json_line

    part = _part(options.part)
    job = plan_job(options.bundle, getattr(options, "in"), options.out, _settings(options))
    report = _driven(job, part, options)
    if is_for_people(as_json=options.json):
        yield from report.lines(output_width())
    else:
        yield json_line(report.to_dict())
    require_all(report)


def _driven(job: "Job", part: "Part", options: argparse.Namespace) -> "BatchReport":
    from edgebert_runtime.batch.driver import run_job
    from edgebert_runtime.batch.engines.registry import ENGINES, EngineOptions
    from edgebert_runtime.cli.batch_progress import BatchProgress

    engine = ENGINES[options.engine](
        EngineOptions(workers=options.workers, threads=options.threads, address=options.address)
    )
    pending = job.pending(part.of(job.units))
    record = None if is_for_people(as_json=options.json) else _print_record
    rows = job.rows_of(pending)
    with BatchProgress(len(pending), rows, record, quiet=options.quiet) as progress:
        return run_job(job, engine, part, progress.update)


def _print_record(record: dict[str, Any]) -> None:
    from edgebert_runtime.io.writers import json_line

    print_lines([json_line(record)])


def _settings(options: argparse.Namespace) -> "JobSettings":
    """What the options ask for; arguments of the task's method only where they are not as usual."""
    from edgebert_runtime.batch.settings import JobSettings
    from edgebert_runtime.io.columns import DEFAULT_COLUMN

    spec = options.spec
    if spec is None:
        from edgebert_runtime.loading.model_opener import task_of

        spec = task_of(options.bundle)  # refuses what is no bundle
    chosen, usual = read_task_options(spec, options), spec.options()
    names = [field.name for field in fields(chosen)]
    return JobSettings(
        task=spec.name,
        variant=options.variant,
        provider=options.provider,
        provider_options=parse_options(options.provider_option),
        options={
            name: getattr(chosen, name)
            for name in names
            if getattr(chosen, name) != getattr(usual, name)
        },
        column=options.column or DEFAULT_COLUMN,
        column_pair=options.column_pair,
        question=options.question,
        keep=options.keep,
        on_bad=options.on_bad,
        max_chars=options.max_chars,
        shard_rows=options.shard_rows,
    )


def _part(text: str) -> "Part":
    from edgebert_runtime.batch.driver import Part

    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal()):
        raise ConfigError(f"--part is {text!r}, expected I/N, such as 0/8")
    return Part(int(index), int(count))
