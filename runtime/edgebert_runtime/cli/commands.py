"""The commands that are not a task's: info, warm, check and compare."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from edgebert_runtime.cli import bench
from edgebert_runtime.cli.options import (
    WARM_HELP,
    add_command,
    add_loading,
    add_provider,
    add_threads,
    load_model,
)
from edgebert_runtime.engine.providers import parse_options
from edgebert_runtime.errors import BundleIntegrityError, CheckFailedError
from edgebert_runtime.progress import still


def add_info(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`info`, which says what would run."""
    command = add_command(commands, "info", "print what load would open here, as JSON")
    add_loading(command)
    add_threads(command)
    command.set_defaults(run=_info)


def add_warm(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`warm`, which caches a graph."""
    command = add_command(commands, "warm", WARM_HELP)
    command.add_argument("--variant", default="auto", help="a variant or a precision")
    command.add_argument(
        "--cache-dir", help="folder of the cache (default: EDGEBERT_CACHE, else the user's cache)"
    )
    command.add_argument(
        "--no-tune", action="store_true", help="do not measure the best micro-batch size"
    )
    command.set_defaults(run=_warm)


def add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`check`, the self-test."""
    command = add_command(
        commands, "check", "are the files intact and the answers the same as on the build machine?"
    )
    add_loading(command)
    command.add_argument("--hashes-only", action="store_true", help="run no samples")
    command.set_defaults(run=_check)


def add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`bench`, which measures this device."""
    command = add_command(commands, "bench", bench.SUMMARY)
    bench.add_arguments(command)
    add_provider(command)
    command.set_defaults(run=bench.bench_lines)


def add_compare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`compare`, of two records of `bench`."""
    summary = "compare two results of bench --json; exit code 1 if something became slower"
    command = commands.add_parser("compare", help=summary, description=summary)
    for name in ("before", "after"):
        command.add_argument(name, type=Path, metavar=name.upper(), help="result of bench --json")
    command.add_argument(
        "--at-most",
        type=float,
        default=bench.AT_MOST,
        metavar="RATIO",
        help=f"largest allowed ratio of the times (default: {bench.AT_MOST})",
    )
    command.set_defaults(run=_compare)


COMMANDS = {
    "check": add_check,
    "info": add_info,
    "warm": add_warm,
    "bench": add_bench,
    "compare": add_compare,
}
"""Name → what adds the command."""


def _info(options: argparse.Namespace) -> Iterator[str]:
    with load_model(options) as model:
        yield json.dumps(model.info().to_dict(), indent=2)


def _warm(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.warmup.warm import warm

    tune = not options.no_tune
    with still(f"warming {options.bundle}"):
        kept = warm(options.bundle, options.variant, cache_dir=options.cache_dir, tune=tune)
    found = {"folder": str(kept.folder), "size_bytes": kept.size_bytes}
    tunings = {threads: tuning._asdict() for threads, tuning in kept.tunings.items()}
    yield json.dumps({**found, "threads": tunings})


def _check(options: argparse.Namespace) -> Iterator[str]:
    """A line for each variant, then what failed; `--variant all` checks each that runs here."""
    from edgebert_runtime.verification.self_test import check, check_all, check_files

    given = parse_options(options.provider_option)
    try:
        if options.hashes_only:
            yield _json(files=check_files(options.bundle))
            return
        with still(f"checking {options.bundle}"):
            reports = (
                list(check_all(options.bundle, options.provider, provider_options=given))
                if options.variant == "all"
                else [
                    check(options.bundle, options.variant, options.provider, provider_options=given)
                ]
            )
    except BundleIntegrityError as error:
        raise CheckFailedError(str(error)) from error  # `check` looks for just this
    for report in reports:
        yield _json(**report.to_dict(), passed=report.passed)
    for report in reports:
        report.require()
    if not any(report.passed for report in reports):
        raise CheckFailedError(
            "no variant runs here, so nothing was compared; left_out has the reasons"
        )


def _compare(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.benchmarking.comparison import read_times

    before, after = read_times(options.before), read_times(options.after)
    return bench.compare_lines(before, after, options.at_most)


def _json(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)
