"""The command `serve`, which answers over HTTP."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgebert_runtime.cli.options import (
    TASK_HELP,
    Commands,
    add_loading,
    add_option,
    add_threads,
    load_options,
)
from edgebert_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edgebert_runtime.serving import Access, ServiceOptions

SERVE: Final = "serve"
SUMMARY: Final = "Answer over HTTP, in the shapes of OpenAI's, Cohere's and other clients"
SIZE: Final = re.compile(r"(\d+)(?:\s*(KiB|MiB|GiB))?")
UNITS: Final = {None: 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def add_serve(commands: Commands) -> None:
    """`serve`, with what it takes."""
    command = commands.add_parser(SERVE, help=SUMMARY, description=SUMMARY)
    command.epilog = f"example: {command.prog} my-model --port 8080"
    help_text = "bundle, or its name on the Hub; NAME= before it is what clients call it"
    command.add_argument("bundles", metavar="[NAME=]BUNDLE", nargs="+", help=help_text)
    add_loading(command)
    add_option(command, "--task", TASK_HELP, metavar="NAME")
    add_threads(command)
    _add_address(command)
    _add_limits(command)
    command.set_defaults(run=_serve)


def _add_address(command: argparse.ArgumentParser) -> None:
    """Where it listens, and to whom."""
    add_option(command, "--host", "address to listen on", "127.0.0.1", metavar="HOST")
    add_option(command, "--port", "port; 0 takes a free one", 8080, type=int, metavar="N")
    help_text = "file of keys, one a line, of which clients send one (default: none)"
    add_option(command, "--api-key-file", help_text, type=Path, metavar="FILE")
    command.add_argument(
        "--no-auth", action="store_true", help="let other machines ask without a key"
    )
    help_text = "let pages of this origin ask, or * for all; may be repeated (default: none)"
    add_option(command, "--cors", help_text, [], action="append", metavar="ORIGIN")
    help_text = "parser of requests (default: auto, which is httptools where it is installed)"
    add_option(command, "--parser", help_text, "auto", choices=("auto", "h11", "httptools"))
    command.add_argument(
        "--log-requests", action="store_true", help="write a line for every request"
    )


def _add_limits(command: argparse.ArgumentParser) -> None:
    """What a request may take."""
    help_text = "refuse requests that would wait longer than so many seconds"
    add_option(command, "--max-wait", help_text, 2.0, type=float, metavar="SECONDS")
    help_text = "largest body, in bytes or with KiB, MiB or GiB"
    add_option(command, "--max-body", help_text, "16MiB", type=size, metavar="SIZE")
    add_option(command, "--max-texts", "most texts of a request", 2048, type=int, metavar="N")
    help_text = "what to do with texts beyond the model's limit, unless a request says"
    add_option(command, "--long", help_text, "truncate", choices=("truncate", "error"))
    help_text = "take requests for so many seconds after SIGTERM, while /ready says 503"
    add_option(command, "--drain-seconds", help_text, 0.0, type=float, metavar="SECONDS")


def size(text: str) -> int:
    """Bytes, of what is typed as `16MiB` or as a number.

    Raises:
        ArgumentTypeError: it is neither.
    """
    match = SIZE.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write bytes, or such as 16MiB")
    return int(match[1]) * UNITS[match[2]]


def _serve(options: argparse.Namespace) -> Iterator[str]:
    from edgebert_runtime.serving.bundles import named_bundles
    from edgebert_runtime.serving.listening import find_address, listen
    from edgebert_runtime.serving.opening import open_application
    from edgebert_runtime.serving.server import require_uvicorn, run

    require_uvicorn(options.parser)
    named, answering, access = named_bundles(options.bundles), _answering(options), _access(options)
    address = find_address(options.host, options.port)
    if not (address.is_loopback or options.no_auth or access.keys.digests):
        raise ConfigError(
            f"other machines reach host {options.host}, and there is no key; give --api-key-file, "
            "or --no-auth if something else decides who may ask"
        )
    with listen(address) as listener:
        application = open_application(
            named, options.variant, load_options(options), options.task, answering, access
        )
        run(application, listener, drain_seconds=options.drain_seconds, parser=options.parser)
    yield from ()


def _answering(options: argparse.Namespace) -> "ServiceOptions":
    from edgebert_runtime.serving import ServiceOptions

    return ServiceOptions(max_wait=options.max_wait, texts=options.max_texts, long=options.long)


def _access(options: argparse.Namespace) -> "Access":
    from edgebert_runtime.serving import Access, Keys, Limits, read_keys

    if options.api_key_file is not None and options.no_auth:
        raise ConfigError("--api-key-file and --no-auth contradict each other; give one of them")
    return Access(
        keys=Keys() if options.api_key_file is None else read_keys(options.api_key_file),
        origins=tuple(options.cors),
        limits=Limits(body_bytes=options.max_body),
        log_requests=options.log_requests,
    )
