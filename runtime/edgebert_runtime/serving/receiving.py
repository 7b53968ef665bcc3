"""From an ASGI scope to a request: its body is read within bounds of size and time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from edgebert_runtime.serving.exchange import Request, RequestRefused
from edgebert_runtime.serving.limits import Limits

Scope = Mapping[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CLOSE: Final = {"Connection": "close"}
"""Of answers to bodies that are not read to their end: what is left of them is no next request."""

DIGITS: Final = 15
"""No body that is taken has a length of more."""

LINGER_SECONDS: Final = 2.0
"""How long what a client still sends is read and thrown away, so that it sees its answer."""


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


def head_of(scope: Scope, limits: Limits) -> Request:
    """A request without its body.

    Raises:
        RequestRefused: its headers are too long.
    """
    pairs = scope["headers"]
    size = sum(map(len, (part for pair in pairs for part in pair)))
    if size > limits.header_bytes:
        message = f"the headers have {size:,} bytes, at most {limits.header_bytes:,} are taken"
        raise RequestRefused(431, message, CLOSE)
    path, root = scope["path"], scope.get("root_path", "")
    query = scope.get("query_string", b"")
    return Request(
        method=scope["method"],
        path=path.removeprefix(root) if root else path,
        query=dict(parse_qsl(query.decode("latin-1"))) if query else {},
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in pairs},
        body=b"",
    )


async def read_body(head: Request, receive: Receive, limits: Limits) -> bytes:
    """The body of a request.

    Raises:
        RequestRefused: it is compressed, too large, or does not end in time.
        ClientGone: the client left before its end.
    """
    encoding = head.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        message = f"the body has Content-Encoding {encoding!r}; send it uncompressed"
        raise RequestRefused(415, message, CLOSE)
    announced = head.headers.get("content-length", "0").lstrip("0")
    if len(announced) > DIGITS or int(announced or 0) > limits.body_bytes:
        raise _too_large(f"{announced[:DIGITS]} bytes or more", limits)
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read_all(receive, limits)
    except TimeoutError as error:
        message = f"the body did not end within {limits.body_seconds:g} s; send it at once"
        raise RequestRefused(408, message, CLOSE) from error


async def throw_away(receive: Receive) -> None:
    """Read what a refused client still sends, for a moment.

    A connection that is closed while bytes wait unread is reset, and the client may lose the
    answer that says why (RFC 9112, section 9.6).
    """
    more = True
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while more:
                message = await receive()
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return


async def _read_all(receive: Receive, limits: Limits) -> bytes:
    body = bytearray()  # not a list: a client may send its body in single bytes
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > limits.body_bytes:
            raise _too_large("more bytes", limits)
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(found: str, limits: Limits) -> RequestRefused:
    message = f"the body has {found}, at most {limits.body_bytes:,} are taken; send fewer texts"
    return RequestRefused(413, message, CLOSE)
