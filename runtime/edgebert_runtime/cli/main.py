"""`edgebert-run`: a bundle from a shell, on a device without torch."""

import argparse
import io
import json
import os
import sys
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime._version import __version__
from edgebert_runtime.cli import bench as bench_command
from edgebert_runtime.cli.progress import counted, say
from edgebert_runtime.engine.providers import PROVIDERS, parse_options
from edgebert_runtime.errors import (
    BundleIntegrityError,
    CheckFailedError,
    ConfigError,
    EdgebertError,
    OutputError,
)

if TYPE_CHECKING:
    from edgebert_runtime.io.readers import Source

WARM_HELP: Final = "keep a graph as this machine runs it, so that load is faster; says where"

CHECK_FAILED: Final = 1
CALLERS_MISTAKE: Final = 2
INTERRUPTED: Final = 130
READER_GONE: Final = 141
"""128 and the number of the signal, as shells have it: SIGINT is 2, SIGPIPE 13."""

PROVIDER_HELP: Final = f"auto, {', '.join(PROVIDERS)}"
PROVIDER_OPTION_HELP: Final = "the provider's own, as NAME=VALUE; may be repeated"

FLAGS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "normalize": {
            "action": argparse.BooleanOptionalAction,
            "help": "vectors of length 1 (as the bundle says)",
        },
        "dimensions": {"type": int, "help": "keep the first so many (all)"},
        "prompt": {"help": "name of the bundle's prompt to put before each text"},
        "precision": {"default": "float32", "help": "float32, int8 or binary"},
        "top_k": {"type": int, "help": "answers at most (all; of answer 1, of fill 5)"},
        "threshold": {"type": float, "help": "lowest score to print (any)"},
        "aggregation": {"default": "simple", "help": "none, simple, first, average or max"},
        "allow_no_answer": {"action": "store_true", "help": "count an empty answer"},
        "long": {
            "default": "truncate",
            "help": "texts beyond the limit: truncate, error or (not of fill) window",
        },
        "stride": {"type": int, "help": "tokens that neighbouring windows share"},
    }
)
"""Arguments of the models' methods as options, which are spelt with hyphens."""


@dataclass(frozen=True, kw_only=True)
class TaskCommand:
    """The command of a task.

    Attributes:
        summary: what it does.
        text: what usage calls a text.
        flags: those of `FLAGS` it has.
        question: an argument of its own that comes first.
        pairs: whether a row may have two texts.
        defaults: of flags, where they are not those of `FLAGS`.
    """

    summary: str
    text: str
    flags: tuple[str, ...]
    question: str | None = None
    pairs: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


TASK_COMMANDS: Final[Mapping[str, TaskCommand]] = MappingProxyType(
    {
        "embed": TaskCommand(
            summary="texts to vectors, one JSON line each",
            text="TEXT",
            flags=("normalize", "dimensions", "prompt", "precision", "long", "stride"),
        ),
        "classify": TaskCommand(
            summary="texts to labels, one JSON line each",
            text="TEXT",
            flags=("top_k", "threshold", "long", "stride"),
            pairs=True,
        ),
        "tag": TaskCommand(
            summary="texts to entities, one JSON line a text",
            text="TEXT",
            flags=("aggregation", "long", "stride"),
        ),
        "answer": TaskCommand(
            summary="a question to spans, one JSON line a context",
            text="CONTEXT",
            flags=("top_k", "allow_no_answer", "stride"),
            question="question",
            defaults={"top_k": 1},
        ),
        "rank": TaskCommand(
            summary="documents by score, one JSON line each",
            text="DOCUMENT",
            flags=("top_k", "long", "stride"),
            question="query",
        ),
        "fill": TaskCommand(
            summary="masks to tokens, one JSON line a text",
            text="TEXT",
            flags=("top_k", "long"),
            defaults={"top_k": 5},
        ),
        "next-sentence": TaskCommand(
            summary="the probability that the second of two texts follows the first",
            text="TEXT",
            flags=("long",),
            pairs=True,
        ),
    }
)
"""Name → the command; a task is called like its command, with `_` for `-`."""


def exit_code(error: EdgebertError) -> int:
    """1 where a check failed, 2 where the caller can put it right."""
    return CHECK_FAILED if isinstance(error, CheckFailedError) else CALLERS_MISTAKE


def answer_lines(
    bundle: str,
    texts: Sequence[str],
    *,
    variant: str,
    provider: str,
    provider_options: Sequence[str] = (),
) -> Iterator[str]:
    """What the command of the bundle's own task prints for these texts, line by line.

    Args:
        bundle: the folder.
        texts: as that command takes them: for `answer` and `rank` the question or query first.
        variant: a variant, a precision or `auto`.
        provider: `auto` or a provider's name.
        provider_options: `NAME=VALUE` each.
    """
    from edgebert_runtime.bundle.bundle import Bundle

    command = Bundle.open(bundle).manifest.task.replace("_", "-")
    chosen = ["--variant", variant, "--provider", provider]
    chosen += [f"--provider-option={pair}" for pair in provider_options]
    return _lines(_parser().parse_args([command, *chosen, bundle, "--", *texts]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parse(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            with closing(_lines(options)) as lines:
                _print(lines)
        except EdgebertError as error:
            say(f"edgebert-run: {error}")
            return exit_code(error)
        except KeyboardInterrupt:
            say("edgebert-run: interrupted")
            return INTERRUPTED
        except BrokenPipeError:
            return READER_GONE
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; texts may stand behind them, too, which Python 3.11's argparse refuses."""
    parser = _parser()
    options, more = parser.parse_known_args(arguments)
    unknown = [word for word in more if word.startswith("-") and word != "-" and " " not in word]
    if unknown or (more and "texts" not in options):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        options.texts = [*options.texts, *more]
    return options


def _lines(options: argparse.Namespace) -> Generator[str, None, None]:
    yield from options.run(options)


def _print(lines: Iterable[str]) -> None:
    """Write lines to standard output, each at once.

    Raises:
        BrokenPipeError: nobody reads on.
        OutputError: they cannot be written.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    for line in lines:
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            _let_go_of_output()
            raise
        except OSError as error:
            _let_go_of_output()
            raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def _let_go_of_output() -> None:
    """What is still to be flushed goes nowhere; Python would complain of it when it ends.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"edgebert-run: warning: {message}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edgebert-run", description=__doc__)
    parser.add_argument("--version", action="version", version=f"edgebert-run {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in TASK_COMMANDS.items():
        _add_task(commands, name, command)
    _add_check(commands)
    _threads(_command(commands, "info", "what would run, as JSON", _info))
    warm = commands.add_parser("warm", help=WARM_HELP, description=WARM_HELP)
    warm.add_argument("bundle", metavar="BUNDLE", help="folder of the bundle")
    warm.add_argument("--variant", default="auto", help="a variant or a precision")
    warm.add_argument("--cache-dir", help="where (the user's cache, or EDGEBERT_CACHE)")
    warm.add_argument("--no-tune", action="store_true", help="measure nothing")
    warm.set_defaults(run=_warm)
    _add_bench(commands)
    _add_compare(commands)
    return parser


def _add_task(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, task: TaskCommand
) -> None:
    command = _command(commands, name, task.summary, _answers)
    for flag in task.flags:
        command.add_argument(f"--{flag.replace('_', '-')}", **FLAGS[flag])
    _threads(command)
    _files(command, pairs=task.pairs)
    if task.question:
        command.add_argument(task.question, metavar=task.question.upper())
    command.add_argument(
        "texts", nargs="*", metavar=task.text, help="- or none: standard input, one a line"
    )
    command.set_defaults(command=name, column_pair=None, **task.defaults)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    summary = "hash every file and compare stored samples with what this machine answers"
    check = _command(commands, "check", summary, _check)
    check.add_argument("--hashes-only", action="store_true", help="run no samples")


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    bench = commands.add_parser(
        "bench", help=bench_command.SUMMARY, description=bench_command.SUMMARY
    )
    bench.add_argument("bundle", metavar="BUNDLE", help="folder of the bundle")
    bench_command.add_arguments(bench)
    _provider(bench)
    bench.set_defaults(run=bench_command.lines_of)


def _add_compare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    summary = "two records of bench side by side; exits with 1 if something became slower"
    command = commands.add_parser("compare", help=summary, description=summary)
    for name in ("before", "after"):
        command.add_argument(name, type=Path, metavar=name.upper(), help="of bench --json")
    command.add_argument(
        "--at-most",
        type=float,
        default=bench_command.AT_MOST,
        metavar="RATIO",
        help=f"how many times as long something may take ({bench_command.AT_MOST})",
    )
    command.set_defaults(run=_compare)


def _files(command: argparse.ArgumentParser, *, pairs: bool) -> None:
    """Where texts come from and where answers go."""
    command.add_argument("--input", type=Path, metavar="FILE", help=".txt, .csv, .jsonl, .parquet")
    command.add_argument("--column", help="of that file, with the texts (text)")
    if pairs:
        command.add_argument("--column-pair", help="likewise, with the second of two texts")
    command.add_argument(
        "--output", type=Path, metavar="FILE", help=".jsonl, .csv, .parquet; of embed .npy, too"
    )
    command.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    command.add_argument("--quiet", action="store_true", help="no progress on the terminal")


def _threads(command: argparse.ArgumentParser) -> None:
    command.add_argument("--threads", type=int, help="at most (every core)")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    run: object,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary)
    command.add_argument("bundle", metavar="BUNDLE", help="folder of the bundle")
    command.add_argument("--variant", default="auto", help="a variant or a precision")
    _provider(command)
    command.set_defaults(run=run, threads=None)
    return command


def _provider(command: argparse.ArgumentParser) -> None:
    command.add_argument("--provider", default="auto", help=PROVIDER_HELP)
    command.add_argument(
        "--provider-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=PROVIDER_OPTION_HELP,
    )


def _load(options: argparse.Namespace, task: str | None = None) -> Any:
    """The model that the shared options name."""
    from edgebert_runtime.loading.load import load

    own = parse_options(options.provider_option)
    how: dict[str, Any] = {"task": task, "provider_options": own, "threads": options.threads}
    return load(options.bundle, options.variant, options.provider, **how)


def _answers(options: argparse.Namespace) -> Iterator[str]:
    """Lines for standard output; none where the answers go to a file."""
    from edgebert_runtime.io import answer_rows, writers

    if options.output is not None:
        writers.check_output(options.output, overwrite=options.overwrite)
    source, task = _source(options), options.command.replace("-", "_")
    with _load(options, task) as model:
        columns, records = answer_rows.answer_rows(task, model, source, _arguments(options))
        if _has_bar(options):
            records = counted(records, source.count() if source.count else None, sys.stderr)
        with closing(records):
            if options.output is None:
                yield from map(writers.json_line, records)
            else:
                writers.write_records(options.output, columns, records)


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    """What the model's method is called with."""
    task = TASK_COMMANDS[options.command]
    names = task.flags if task.question is None else (task.question, *task.flags)
    return {name: getattr(options, name) for name in names}


def _has_bar(options: argparse.Namespace) -> bool:
    """On a terminal that the answers do not go to themselves; ranks are known all at once."""
    to_terminal = options.output is None and sys.stdout.isatty()
    wanted = not options.quiet and options.command != "rank"
    return wanted and sys.stderr.isatty() and not to_terminal


def _source(options: argparse.Namespace) -> "Source":
    """The texts of a file, of arguments, or of standard input."""
    from edgebert_runtime.io.readers import PAIR, TEXT, Source, standard_input

    texts = options.texts
    if options.input is not None:
        return _file(options)
    if options.column is not None or options.column_pair is not None:
        raise ConfigError("--column and --column-pair go with --input; name a file")
    if options.command == "next-sentence":
        if len(texts) != len(PAIR):
            raise ConfigError("next-sentence takes two texts, or --input with --column-pair")
        return Source(PAIR, iter([tuple(texts)]), lambda: 1)
    if texts in ([], ["-"]):
        return standard_input()
    return Source(TEXT, ((text,) for text in texts), lambda: len(texts))


def _file(options: argparse.Namespace) -> "Source":
    from edgebert_runtime.io.readers import open_file

    if options.texts:
        raise ConfigError("texts come from arguments or from --input, not from both")
    if options.command == "next-sentence" and options.column_pair is None:
        raise ConfigError("next-sentence takes pairs; name the second texts with --column-pair")
    return open_file(options.input, options.column, options.column_pair)


def _info(options: argparse.Namespace) -> Iterator[str]:
    yield json.dumps(asdict(_load(options).info()), indent=2)


def _warm(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.warmup.warm import warm

    how = {"cache_dir": options.cache_dir, "tune": not options.no_tune}
    kept = warm(options.bundle, options.variant, **how)
    found = {"folder": str(kept.folder), "size_bytes": kept.size_bytes}
    tunings = {threads: tuning._asdict() for threads, tuning in kept.tunings.items()}
    yield json.dumps({**found, "threads": tunings})


def _check(options: argparse.Namespace) -> Iterator[str]:
    """A line for each variant, then what failed; `--variant all` checks each that runs here."""
    from edgebert_runtime.bundle.bundle import Bundle
    from edgebert_runtime.verification.self_test import check, check_all, check_files

    how: dict[str, Any] = {"provider_options": parse_options(options.provider_option)}
    try:
        if options.hashes_only:
            yield _json(files=check_files(Bundle.open(options.bundle)))
            return
        every = options.variant == "all"
        reports = (
            list(check_all(options.bundle, options.provider, **how))
            if every
            else [check(options.bundle, options.variant, options.provider, **how)]
        )
    except BundleIntegrityError as error:
        raise CheckFailedError(str(error)) from error  # here, that is what was to be found out
    for report in reports:
        yield _json(**asdict(report), passed=report.passed)
    for report in reports:
        report.require()
    if not any(report.passed for report in reports):
        raise CheckFailedError("no variant runs here, so nothing was compared; see left_out")


def _compare(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.benchmarking.comparison import read_times

    before, after = read_times(options.before), read_times(options.after)
    return bench_command.compare_lines(before, after, options.at_most)


def _json(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)


if __name__ == "__main__":
    raise SystemExit(main())
