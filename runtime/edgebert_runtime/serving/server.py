"""uvicorn around an application: bounded connections, an orderly end, and no words of its own."""

import asyncio
import signal
import socket
import sys
import time
from types import FrameType
from typing import Any, Final, Literal

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.serving.app import GRACE_SECONDS, Application
from edgebert_runtime.serving.connection import guarded
from edgebert_runtime.serving.limits import Limits
from edgebert_runtime.serving.listening import BACKLOG, url_of
from edgebert_runtime.serving.log import redirect_loggers, write_event

if sys.platform == "win32":
    resource: Any = None
else:
    import resource

Parser = Literal["auto", "h11", "httptools"]

KEEP_ALIVE_SECONDS: Final = 65
"""Longer than proxies keep a connection (nginx 60 s), so that they close it and none is lost."""

SPARE_FILES: Final = 64 + 2 * BACKLOG
"""What a server opens beside its connections, and connections that it has yet to refuse."""


class OrderlyServer:
    """What comes before uvicorn's server: it ends once what is under way is answered.

    SIGTERM and SIGINT begin the end, a second one ends the process at once.

    Attributes:
        application: that is told of the end.
        drain_seconds: how long it still takes requests after it has said that it ends.
    """

    application: Application
    drain_seconds: float
    should_exit: bool

    _end: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say where."""
        await super().startup(sockets=sockets)  # type: ignore[misc]
        for each in sockets or ():
            write_event("listening", url=url_of(each))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        del frame
        signal.signal(sig, signal.SIG_DFL)
        self.application.drain()
        self._end = time.monotonic() + self.drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Whether to end now; asked ten times a second."""
        if self._end is not None and time.monotonic() >= self._end:
            self.should_exit = True
        ends: bool = await super().on_tick(counter)  # type: ignore[misc]
        return ends


def run(
    application: Application, listener: socket.socket, *, drain_seconds: float, parser: Parser
) -> None:
    """Serve until a signal ends it.

    Args:
        application: is started, and closed in the end.
        listener: a socket that listens.
        drain_seconds: how long requests are still taken after the signal, for who balances load.
        parser: of requests; `auto` takes httptools where it is installed.

    Raises:
        ConfigError: uvicorn or the parser is not installed.
    """
    uvicorn, protocol = require_uvicorn(parser)
    limits = application.access.limits
    redirect_loggers()
    _allow_files(limits)
    config = uvicorn.Config(
        application,
        http=guarded(protocol, limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=limits.header_bytes,
    )
    fields = {"application": application, "drain_seconds": drain_seconds}
    server = type("Server", (OrderlyServer, uvicorn.Server), fields)(config)
    server.run(sockets=[listener])
    write_event("ended")


def require_uvicorn(parser: Parser) -> tuple[Any, type[asyncio.Protocol]]:
    """uvicorn, and its protocol for a parser.

    Raises:
        ConfigError: one is not installed.
    """
    try:
        import uvicorn
        from uvicorn.protocols.http.h11_impl import H11Protocol
    except ImportError as error:
        raise ConfigError(
            f"serve needs uvicorn ({error}); run pip install 'edgebert-runtime[serve]'"
        ) from error
    if parser == "h11":
        return uvicorn, H11Protocol
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError as error:
        if parser == "auto":
            return uvicorn, H11Protocol
        raise ConfigError(
            f"the parser httptools is not here ({error}); run pip install "
            "'edgebert-runtime[serve-fast]', or use --parser h11"
        ) from error
    return uvicorn, HttpToolsProtocol


def _allow_files(limits: Limits) -> None:
    """Let the process have a file for each connection, as far as the system does."""
    if resource is None:
        return
    wanted = limits.connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return
    most = wanted if hard == unlimited else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        write_event("few files", allowed=most, wanted=wanted)
