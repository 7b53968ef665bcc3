"""`edgebert-run`: a bundle from a shell, on a device without torch."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from edgebert_runtime._version import __version__
from edgebert_runtime.errors import CheckFailedError, EdgebertError
from edgebert_runtime.providers import PROVIDERS, parse_options

WARM_HELP: Final = "keep a graph as this machine runs it, so that load is faster; says where"

CHECK_FAILED: Final = 1
CALLERS_MISTAKE: Final = 2

PROVIDER_HELP: Final = f"auto, {', '.join(PROVIDERS)}"
PROVIDER_OPTION_HELP: Final = "the provider's own, as NAME=VALUE; may be repeated"


def exit_code(error: EdgebertError) -> int:
    """1 where a check failed, 2 where the caller can put it right."""
    return CHECK_FAILED if isinstance(error, CheckFailedError) else CALLERS_MISTAKE


def read_texts(arguments: Sequence[str]) -> list[str]:
    """The texts given; a single `-` or none reads standard input, one text a line."""
    if list(arguments) in ([], ["-"]):
        return [line.rstrip("\n") for line in sys.stdin]
    return list(arguments)


def answer_lines(
    bundle: str,
    texts: Sequence[str],
    *,
    variant: str,
    provider: str,
    provider_options: Sequence[str] = (),
) -> list[str]:
    """What the command of the bundle's own task prints for these texts, line by line.

    Args:
        bundle: the folder.
        texts: as that command takes them: for `answer` and `rank` the question or query first.
        variant: a variant, a precision or `auto`.
        provider: `auto` or a provider's name.
        provider_options: `NAME=VALUE` each.
    """
    from edgebert_runtime.bundle import Bundle

    command = Bundle.open(bundle).manifest.task.replace("_", "-")
    chosen = ["--variant", variant, "--provider", provider]
    chosen += [f"--provider-option={pair}" for pair in provider_options]
    options = _parser().parse_args([command, *chosen, bundle, "--", *texts])
    lines: list[str] = options.run(options)
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        lines = options.run(options)
    except EdgebertError as error:
        sys.stderr.write(f"edgebert-run: {error}\n")
        return exit_code(error)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edgebert-run", description=__doc__)
    parser.add_argument("--version", action="version", version=f"edgebert-run {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _texts(_command(commands, "embed", "texts to vectors, one JSON line each", _embed), "TEXT")
    _add_tasks(commands)
    _command(commands, "info", "what would run, as JSON", _info)
    warm = commands.add_parser("warm", help=WARM_HELP, description=WARM_HELP)
    warm.add_argument("bundle", metavar="BUNDLE", help="folder of the bundle")
    warm.add_argument("--variant", default="auto", help="a variant or a precision")
    warm.add_argument("--cache-dir", help="where (the user's cache, or EDGEBERT_CACHE)")
    warm.set_defaults(run=_warm)
    _command(commands, "bench", "latency, cold start and memory here, as JSON", _bench)
    return parser


def _add_tasks(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The other tasks; what each prints is the dataclass its model answers with."""
    classify = _command(commands, "classify", "texts to labels, one JSON line each", _classify)
    classify.add_argument("--top-k", type=int, help="labels at most (all)")
    classify.add_argument("--threshold", type=float, help="lowest score to print (any)")
    _texts(classify, "TEXT")
    tag = _command(commands, "tag", "texts to entities, one JSON line a text", _tag)
    tag.add_argument("--aggregation", default="simple", help="none, simple, first, average or max")
    _texts(tag, "TEXT")
    answer = _command(commands, "answer", "a question to spans, one JSON line a context", _answer)
    answer.add_argument("--top-k", type=int, default=1, help="answers a context at most (1)")
    answer.add_argument("--allow-no-answer", action="store_true", help="count an empty answer")
    answer.add_argument("question", metavar="QUESTION")
    _texts(answer, "CONTEXT")
    rank = _command(commands, "rank", "documents by score, one JSON line each", _rank)
    rank.add_argument("--top-k", type=int, help="documents at most (all)")
    rank.add_argument("query", metavar="QUERY")
    _texts(rank, "DOCUMENT")
    fill = _command(commands, "fill", "masks to tokens, one JSON line a text", _fill)
    fill.add_argument("--top-k", type=int, default=5, help="tokens a mask (5)")
    _texts(fill, "TEXT")
    follows = _command(
        commands, "next-sentence", "the probability that SECOND follows FIRST", _next_sentence
    )
    follows.add_argument("first", metavar="FIRST")
    follows.add_argument("second", metavar="SECOND")


def _texts(command: argparse.ArgumentParser, name: str) -> None:
    command.add_argument("texts", nargs="*", metavar=name, help="- or none: standard input")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    run: object,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary)
    command.add_argument("bundle", metavar="BUNDLE", help="folder of the bundle")
    command.add_argument("--variant", default="auto", help="a variant or a precision")
    command.add_argument("--provider", default="auto", help=PROVIDER_HELP)
    command.add_argument(
        "--provider-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=PROVIDER_OPTION_HELP,
    )
    command.set_defaults(run=run)
    return command


def _load(options: argparse.Namespace, task: str | None = None) -> Any:
    """The model that the shared options name."""
    from edgebert_runtime.loading import load

    own = parse_options(options.provider_option)
    how: dict[str, Any] = {"task": task, "provider_options": own}
    return load(options.bundle, options.variant, options.provider, **how)


def _embed(options: argparse.Namespace) -> list[str]:
    texts = read_texts(options.texts)
    vectors = _load(options, "embed").embed(texts)
    return [
        _line(text=text, embedding=[round(float(x), 8) for x in vector])
        for text, vector in zip(texts, vectors, strict=True)
    ]


def _classify(options: argparse.Namespace) -> list[str]:
    texts = read_texts(options.texts)
    model = _load(options, "classify")
    found = model.classify(texts, top_k=options.top_k, threshold=options.threshold)
    return [_line(text=text, **asdict(each)) for text, each in zip(texts, found, strict=True)]


def _tag(options: argparse.Namespace) -> list[str]:
    texts = read_texts(options.texts)
    model = _load(options, "tag")
    found = model.tag(texts, aggregation=options.aggregation)
    return [
        _line(text=text, entities=[asdict(entity) for entity in entities])
        for text, entities in zip(texts, found, strict=True)
    ]


def _answer(options: argparse.Namespace) -> list[str]:
    model = _load(options, "answer")
    found = [
        model.answer(
            options.question, text, top_k=options.top_k, allow_no_answer=options.allow_no_answer
        )
        for text in read_texts(options.texts)
    ]
    return [_line(answers=[asdict(answer) for answer in answers]) for answers in found]


def _rank(options: argparse.Namespace) -> list[str]:
    model = _load(options, "rank")
    ranked = model.rank(options.query, read_texts(options.texts), top_k=options.top_k)
    return [_line(**asdict(document)) for document in ranked]


def _fill(options: argparse.Namespace) -> list[str]:
    texts = read_texts(options.texts)
    model = _load(options, "fill")
    found = [model.fill(text, top_k=options.top_k) for text in texts]
    return [
        _line(text=text, masks=[[asdict(filling) for filling in mask] for mask in masks])
        for text, masks in zip(texts, found, strict=True)
    ]


def _next_sentence(options: argparse.Namespace) -> list[str]:
    model = _load(options, "next_sentence")
    return [_line(probability=model.score(options.first, options.second))]


def _line(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _info(options: argparse.Namespace) -> list[str]:
    model = _load(options)
    return [json.dumps(asdict(model.info()), indent=2)]


def _warm(options: argparse.Namespace) -> list[str]:
    from edgebert_runtime.warming import warm

    kept = warm(options.bundle, options.variant, cache_dir=options.cache_dir)
    return [_line(folder=str(kept.folder), size_bytes=kept.size_bytes)]


def _bench(options: argparse.Namespace) -> list[str]:
    from edgebert_runtime.bench import measure
    from edgebert_runtime.bundle import Bundle

    found = measure(
        Bundle.open(options.bundle),
        options.variant,
        provider=options.provider,
        provider_options=parse_options(options.provider_option),
    )
    return [json.dumps(asdict(found), indent=2)]


if __name__ == "__main__":
    raise SystemExit(main())
