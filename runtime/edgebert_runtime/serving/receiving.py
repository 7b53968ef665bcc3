"""From an ASGI scope to a request: its body is read within bounds of size and time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl

from edgebert_runtime.serving.exchange import Request, RequestRefusedError
from edgebert_runtime.serving.limits import Limits

Scope = Mapping[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CANCELS: Final = "edgebert.cancels"
"""An extension of the scope: who serves it cancels a request whose client leaves."""

DIGITS: Final = 15
"""No body that is taken has a length of more."""


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


def head_of(scope: Scope, limits: Limits) -> Request:
    """A request without its body.

    Raises:
        RequestRefusedError: its headers are too long.
    """
    pairs = scope["headers"]
    size = sum(map(len, (part for pair in pairs for part in pair)))
    if size > limits.header_bytes:
        message = f"the headers have {size:,} bytes, at most {limits.header_bytes:,} are taken"
        raise RequestRefusedError(431, message)
    path, root = scope["path"], scope.get("root_path", "")
    query = scope.get("query_string", b"")
    return Request(
        method=scope["method"],
        path=path.removeprefix(root) if root else path,
        query=dict(parse_qsl(query.decode("latin-1"))) if query else {},
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in pairs},
        body=b"",
    )


class Incoming:
    """What a client sends behind its headers, and whether it is still there.

    Attributes:
        is_unread: whether the client may still send a body, which nobody wants.

    Args:
        scope: of ASGI.
        receive: likewise.
        limits: of the body.
    """

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._is_cancelled = CANCELS in scope.get("extensions", {})
        self.is_unread = any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b" 0"))
            for name, value in scope["headers"]
        )

    async def read_body(self, head: Request) -> bytes:
        """The body of a request.

        Raises:
            RequestRefusedError: it is compressed, too large, or does not end in time.
            ClientGoneError: the client left before its end.
        """
        encoding = head.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise RequestRefusedError(
                415, "the body is compressed; send it without Content-Encoding"
            )
        announced = head.headers.get("content-length", "0").lstrip("0")
        if len(announced) > DIGITS or int(announced or 0) > self._limits.body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._read_all()
        except TimeoutError as error:
            message = f"the body did not end within {self._limits.body_seconds:g} s"
            raise RequestRefusedError(408, f"{message}; send it at once") from error

    async def throw_away(self) -> None:
        """Read what a refused client still sends, for a moment.

        A connection that is closed while bytes wait unread is reset, and the client may lose the
        answer that says why (RFC 9112, section 9.6).
        """
        with suppress(TimeoutError, ClientGoneError):
            async with asyncio.timeout(self._limits.linger_seconds):
                while self.is_unread:
                    await self._next()

    async def while_connected(self, work: Awaitable[Any]) -> Any:
        """The result of work, which is cancelled if the client leaves before it is there.

        Raises:
            ClientGoneError: it has left.
        """
        if self._is_cancelled:
            return await work
        task = asyncio.ensure_future(work)
        gone = asyncio.create_task(self._wait_for_end())
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGoneError
            return task.result()
        finally:
            task.cancel()
            gone.cancel()

    async def _read_all(self) -> bytes:
        body = bytearray(await self._next())  # not a list: a client may send single bytes
        while self.is_unread:
            if len(body) > self._limits.body_bytes:
                raise self._too_large()
            body += await self._next()
        if len(body) > self._limits.body_bytes:
            raise self._too_large()
        return bytes(body)

    async def _next(self) -> bytes:
        message = await self._receive()
        self.is_unread = message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part: bytes = message.get("body", b"")
        return part

    async def _wait_for_end(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _too_large(self) -> RequestRefusedError:
        most = self._limits.body_bytes
        return RequestRefusedError(413, f"the body has more than {most:,} bytes; send fewer texts")
