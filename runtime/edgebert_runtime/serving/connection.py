"""What uvicorn's protocols lack: bounds of headers, of time and of connections, with any parser.

uvicorn 0.54 has no deadline for headers, nor for who reads no answer. With httptools it has no
bound for the size of headers, nor for what follows a chunked body. Its `limit_concurrency` answers
everybody with 503 once enough connections are open that send nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from edgebert_runtime.serving.limits import Limits
from edgebert_runtime.serving.receiving import CANCELS, Message, Receive, Send


class GuardedConnection:
    """What comes before a protocol of uvicorn; `guarded` puts the two together.

    Attributes:
        limits: of all connections.
        waiting: connections on which no request is under way, those first that are so for longest.
    """

    limits: ClassVar[Limits]
    waiting: ClassVar[dict["GuardedConnection", None]]

    app: Callable[..., Any]
    connections: set[Any]
    cycle: Any
    flow: Any
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._asgi, self.app = self.app, self._run
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._uncounted = 0
        self._lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for headers; where too many are connected, leave who has been idle for longest."""
        super().connection_made(transport)  # type: ignore[misc]
        self._wait_for_headers()
        if len(self.connections) > self.limits.connections:
            next(iter(self.waiting), self).make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the request that nobody waits for any more."""
        self._lost = True
        self._have_headers()
        self._stop_watching()
        super().connection_lost(exc)  # type: ignore[misc]
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Give bytes to the parser, and count those that become no part of a body."""
        cycle = self.cycle
        held = 0 if cycle is None else len(cycle.body)
        super().data_received(data)  # type: ignore[misc]
        if self.cycle is not cycle:
            self._have_headers()
        elif cycle is not None and len(cycle.body) > held:
            self._uncounted = 0
        elif not self.flow.read_paused:  # else it is a next request, not parsed yet
            self._uncounted += len(data)
            if self._uncounted > self.limits.header_bytes:
                self.refuse(b"431 Request Header Fields Too Large", "the headers are too long")
            elif cycle is None or not cycle.more_body:
                self._wait_for_headers()

    def on_response_complete(self) -> None:
        """Nothing is under way, unless the client has sent its next request already."""
        super().on_response_complete()  # type: ignore[misc]
        if not self._is_answering() and not self.transport.is_closing():
            self.waiting[self] = None

    def pause_writing(self) -> None:
        """The client reads more slowly than is written: see that it reads at all."""
        super().pause_writing()  # type: ignore[misc]
        self._watch_writing(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """The client has read nearly everything."""
        self._stop_watching()
        super().resume_writing()  # type: ignore[misc]

    async def _run(self, scope: Message, receive: Receive, send: Send) -> None:
        """The application, as a task that ends with the connection."""
        scope["extensions"] = {CANCELS: {}}
        task = self._task = asyncio.current_task()
        try:
            await self._asgi(scope, receive, send)
        except asyncio.CancelledError:
            if not self._lost:
                raise
        finally:
            if self._task is task:
                self._task = None

    def _wait_for_headers(self) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.limits.header_seconds, self._late)
            self.waiting[self] = None

    def _have_headers(self) -> None:
        self._uncounted = 0
        self.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._is_answering():
            self._wait_for_headers()  # of the next request; this one is the server's to end
        else:
            self.refuse(b"408 Request Timeout", "the headers did not end in time")

    def _watch_writing(self, left: int) -> None:
        self._stop_watching()
        seconds = self.limits.write_seconds
        self._write_timer = self.loop.call_later(seconds, self._check_writing, left)

    def _check_writing(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left < before:
            self._watch_writing(left)
        else:
            self.transport.abort()

    def _stop_watching(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def make_room(self) -> None:
        """Close the connection for another one; who has had its answer is told nothing more."""
        if self._timer is None and self.cycle is not None:
            self.transport.close()
        else:
            self.refuse(b"503 Service Unavailable", "too many connections")

    def refuse(self, status: bytes, message: str) -> None:
        """Close the connection, with a word where no answer is under way."""
        self._have_headers()
        if self.transport.is_closing():
            return
        if self._is_answering():
            self.transport.abort()
            return
        body = f'{{"error":"{message}"}}'.encode()
        self.transport.write(
            b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (status, len(body), body)
        )
        self.transport.close()


def guarded(protocol: type[asyncio.Protocol], limits: Limits) -> type[asyncio.Protocol]:
    """A protocol of uvicorn, with bounds.

    Args:
        protocol: `H11Protocol` or `HttpToolsProtocol`.
        limits: of all connections together, and of each.
    """
    bases = (GuardedConnection, protocol)
    return type(f"Guarded{protocol.__name__}", bases, {"limits": limits, "waiting": {}})
