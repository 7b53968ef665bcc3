"""The commands that are not a task's."""

import argparse
import json
from collections.abc import Iterator
from typing import Any, Final

from edgebert_runtime.cli import bench
from edgebert_runtime.cli.batch import BATCH, add_batch
from edgebert_runtime.cli.compare import add_compare
from edgebert_runtime.cli.diff import add_diff
from edgebert_runtime.cli.explain import add_explain
from edgebert_runtime.cli.options import (
    ALL,
    CHECKED_HELP,
    TASK_HELP,
    VARIANT_HELP,
    Commands,
    add_command,
    add_json,
    add_loading,
    add_option,
    add_provider,
    add_threads,
    load_model,
)
from edgebert_runtime.cli.output import is_for_people, output_width
from edgebert_runtime.cli.pull import add_pull
from edgebert_runtime.cli.run import RUN, add_run
from edgebert_runtime.cli.serve import SERVE, add_serve
from edgebert_runtime.engine.providers import parse_options
from edgebert_runtime.errors import BundleIntegrityError, CheckFailedError
from edgebert_runtime.progress import still


def add_info(commands: Commands) -> None:
    """`info`, which says what would run."""
    command = add_command(commands, "info", "Show the variant that runs here, and its settings")
    add_loading(command)
    add_option(command, "--task", TASK_HELP, metavar="NAME")
    add_threads(command)
    add_json(command)
    command.set_defaults(run=_info)


def add_warm(commands: Commands) -> None:
    """`warm`, which caches a graph."""
    command = add_command(
        commands,
        "warm",
        "Cache the graph, optimised for this machine, for a faster start; prints its place as JSON",
    )
    add_option(command, "--variant", VARIANT_HELP, "auto", metavar="NAME")
    add_option(
        command,
        "--cache-dir",
        "folder of the cache (default: EDGEBERT_CACHE, else the user's cache)",
        metavar="FOLDER",
    )
    command.add_argument(
        "--no-tune", action="store_true", help="do not measure the best micro-batch size"
    )
    command.set_defaults(run=_warm)


def add_check(commands: Commands) -> None:
    """`check`, the self-test."""
    command = add_command(
        commands,
        "check",
        "Test that the files are intact and the answers are those of the build machine",
    )
    add_loading(command, ALL, CHECKED_HELP)
    command.add_argument(
        "--hashes-only", action="store_true", help="check only that the files are intact"
    )
    add_json(command)
    command.set_defaults(run=_check)


def add_bench(commands: Commands) -> None:
    """`bench`, which measures this device."""
    command = add_command(commands, "bench", bench.SUMMARY, example="my-model --budget-ms 20")
    bench.add_arguments(command)
    add_provider(command)
    command.set_defaults(run=bench.bench_lines)


COMMANDS: Final = {
    RUN: add_run,
    BATCH: add_batch,
    "check": add_check,
    "info": add_info,
    "warm": add_warm,
    "bench": add_bench,
    "compare": add_compare,
    "diff": add_diff,
    "explain": add_explain,
    "pull": add_pull,
    SERVE: add_serve,
}
"""Name → what adds the command."""


def _info(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.cli.readable import info_lines

    with load_model(options, options.task) as model:
        info = model.info().to_dict()
    if is_for_people(as_json=options.json):
        yield from info_lines(info, options.program, output_width())
    else:
        yield json.dumps(info, indent=2)


def _warm(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime import warm

    tune = not options.no_tune
    with still(f"warming {options.bundle}"):
        kept = warm(options.bundle, options.variant, cache_dir=options.cache_dir, tune=tune)
    found = {"folder": str(kept.folder), "size_bytes": kept.size_bytes}
    tunings = {threads: tuning._asdict() for threads, tuning in kept.tunings.items()}
    yield json.dumps({**found, "threads": tunings})


def _check(options: argparse.Namespace) -> Iterator[str]:
    """A line for each variant, then what failed."""
    from edgebert_runtime.cli.readable import check_lines, hashed_line
    from edgebert_runtime.verification.self_test import check_files

    for_people = is_for_people(as_json=options.json)
    try:
        if options.hashes_only:
            files = check_files(options.bundle)
            yield hashed_line(options.bundle, files) if for_people else _json(files=files)
            return
        with still(f"checking {options.bundle}"):
            reports = _checked(options)
    except BundleIntegrityError as error:
        raise CheckFailedError(str(error)) from error  # `check` looks for just this
    records = [{**report.to_dict(), "passed": report.passed} for report in reports]
    if for_people:
        yield from check_lines(options.bundle, records, output_width())
    else:
        yield from (_json(**record) for record in records)
    for report in reports:
        report.require()
    if not any(report.passed for report in reports):
        raise CheckFailedError(
            "no variant runs here, so nothing was compared; left_out has the reasons"
        )


def _checked(options: argparse.Namespace) -> list[Any]:
    from edgebert_runtime.verification.self_test import check, check_all

    given = parse_options(options.provider_option)
    if options.variant == ALL:
        return list(check_all(options.bundle, options.provider, provider_options=given))
    return [check(options.bundle, options.variant, options.provider, provider_options=given)]


def _json(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)
