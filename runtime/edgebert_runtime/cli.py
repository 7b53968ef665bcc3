"""`edgebert-run`: a bundle from a shell, on a device without torch."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from edgebert_runtime._version import __version__
from edgebert_runtime.errors import CheckFailedError, EdgebertError

CHECK_FAILED: Final = 1
CALLERS_MISTAKE: Final = 2


def exit_code(error: EdgebertError) -> int:
    """1 where a check failed, 2 where the caller can put it right."""
    return CHECK_FAILED if isinstance(error, CheckFailedError) else CALLERS_MISTAKE


def read_texts(arguments: Sequence[str]) -> list[str]:
    """The texts given; a single `-` or none reads standard input, one text a line."""
    if list(arguments) in ([], ["-"]):
        return [line.rstrip("\n") for line in sys.stdin]
    return list(arguments)


def embed_lines(bundle: str, texts: Sequence[str], *, variant: str, provider: str) -> list[str]:
    """One JSON line a text, with `text` and `embedding`, in the order given."""
    from edgebert_runtime.loading import load

    vectors = load(bundle, variant=variant, provider=provider).embed(list(texts))
    return [
        json.dumps(
            {"text": text, "embedding": [round(float(x), 8) for x in vector]}, ensure_ascii=False
        )
        for text, vector in zip(texts, vectors, strict=True)
    ]


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
    embed = _command(commands, "embed", "texts to vectors, one JSON line each", _embed)
    embed.add_argument("texts", nargs="*", metavar="TEXT", help="texts; - or none: standard input")
    _command(commands, "info", "what would run, as JSON", _info)
    _command(commands, "bench", "latency, cold start and memory here, as JSON", _bench)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    run: object,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary)
    command.add_argument("bundle", metavar="BUNDLE", help="folder of the bundle")
    command.add_argument("--variant", default="auto", help="a variant or a precision")
    command.add_argument("--provider", default="auto", help="auto, cpu or cuda")
    command.set_defaults(run=run)
    return command


def _embed(options: argparse.Namespace) -> list[str]:
    texts = read_texts(options.texts)
    return embed_lines(options.bundle, texts, variant=options.variant, provider=options.provider)


def _info(options: argparse.Namespace) -> list[str]:
    from edgebert_runtime.loading import load

    model = load(options.bundle, variant=options.variant, provider=options.provider)
    return [json.dumps(asdict(model.info()), indent=2)]


def _bench(options: argparse.Namespace) -> list[str]:
    from edgebert_runtime.bench import measure
    from edgebert_runtime.bundle import Bundle

    return [json.dumps(asdict(measure(Bundle.open(options.bundle), options.variant)), indent=2)]


if __name__ == "__main__":
    raise SystemExit(main())
