"""The server as an ASGI application (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.cross_origin import headers_for, preflight
from edgebert_runtime.serving.directory import UNKNOWN, Directory, Place
from edgebert_runtime.serving.exchange import (
    MANY_BYTES,
    Request,
    RequestRefusedError,
    Response,
    json_response,
    read_json,
    write_json,
)
from edgebert_runtime.serving.keys import Keys
from edgebert_runtime.serving.limits import Limits
from edgebert_runtime.serving.log import write_event, write_failure
from edgebert_runtime.serving.metrics import RequestMetrics
from edgebert_runtime.serving.pages import OPEN, Pages
from edgebert_runtime.serving.receiving import (
    ClientGoneError,
    Incoming,
    Receive,
    Scope,
    Send,
    head_of,
)
from edgebert_runtime.serving.refusals import refusal_of

GRACE_SECONDS: Final = 30
"""Longest that requests under way may take once the server ends."""

CLIENT_GONE: Final = 499
SERVER_FAILED: Final = 500
VARIANT: Final = "X-Edgebert-Variant"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask, and how much.

    Attributes:
        keys: of which a client shows one.
        origins: of pages in browsers; `*` is every one.
        limits: of a request.
        log_requests: whether every request has a line in the log.
    """

    keys: Keys = field(default_factory=Keys)
    origins: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)
    log_requests: bool = False


class Application:
    """Answers requests of HTTP with services; a callable of ASGI.

    Attributes:
        access: who may ask, and how much.

    Args:
        services: started and closed by the application, which also closes their models.
        access: as above.
    """

    def __init__(self, services: Sequence[BundleService], access: Access) -> None:
        self.access = access
        self._metrics = RequestMetrics()
        self._pages = Pages(services, self._metrics)
        self._directory = Directory(services, self._pages.paths)
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI: a request, or the life of the server."""
        if scope["type"] == "http":
            await self._exchange(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": f"{scope['type']}.close"})

    async def start(self) -> None:
        """Start every service; a server that does not speak of its life to ASGI calls this itself.

        Raises:
            EngineError: a model cannot be run.
        """
        for service in self._services:
            await service.start()
        self._pages.is_ready = True

    def drain(self) -> None:
        """Say that no more requests should come; those that come are answered."""
        self._pages.is_ready = False

    async def close(self) -> None:
        """Answer what is under way, and give the memory back."""
        self.drain()
        await asyncio.gather(*(each.close(GRACE_SECONDS) for each in self._services))
        for service in self._services:
            service.model.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            write_failure("start", error)
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, incoming = perf_counter(), Incoming(scope, receive, self.access.limits)
        label, status = UNKNOWN, CLIENT_GONE
        self._metrics.in_flight += 1
        try:
            label, response = await self._respond(scope, incoming)
            ends = not incoming.is_unread
            await _send(response, send, ends=ends)
            status = response.status
        except ClientGoneError:
            ends = True
        finally:
            self._metrics.in_flight -= 1
            self._count(scope["method"], label, status, perf_counter() - begun)
        if not ends:
            await incoming.throw_away()
            await send({"type": "http.response.body", "body": b""})

    def _count(self, method: str, label: str, status: int, seconds: float) -> None:
        self._metrics.add(label, status, seconds)
        if self.access.log_requests:
            took = round(seconds * 1000, 3)
            write_event("request", method=method, route=label, status=status, ms=took)

    async def _respond(self, scope: Scope, incoming: Incoming) -> tuple[str, Response]:
        """What the log calls the path, and the answer."""
        shared: Mapping[str, str] = {}
        place = Place(scope["path"], UNKNOWN, None)
        try:
            head = head_of(scope, self.access.limits)
            place = self._directory.place_of(head.path)
            shared = headers_for(head, self.access.origins)
            response = preflight(head) if shared else None
            if response is None:
                response = await self._answer(head, place, incoming)
        except ClientGoneError:
            raise
        except Exception as error:
            response = self._refuse(place, error)
        if shared:
            headers = {**response.headers, **shared}
            response = Response(response.status, response.body, headers, response.media_type)
        return place.label, response

    async def _answer(self, head: Request, place: Place, incoming: Incoming) -> Response:
        if place.path not in OPEN and not self.access.keys.admit(head.headers.get("authorization")):
            message = "the request has no key of this server; send Authorization: Bearer KEY"
            raise RequestRefusedError(401, message, {"WWW-Authenticate": "Bearer"})
        self._directory.check_method(place, head.method)
        page = self._pages.answer(place.path, place.service)
        if page is not None:
            return page
        body = await incoming.read_body(head)
        value = read_json(body)
        service = self._directory.service_for(place, head.method, value)
        route = self._directory.route_of(service, head.method, place.path)
        answer = await incoming.while_connected(route.handle(service, value))
        headers = {VARIANT: service.info.variant}
        if len(body) < MANY_BYTES:
            return json_response(answer, headers=headers)
        return Response(200, await asyncio.to_thread(write_json, answer), headers)

    def _refuse(self, place: Place, error: Exception) -> Response:
        refusal = refusal_of(error)
        if refusal.status == SERVER_FAILED:
            write_failure(place.label, error)
        body = self._directory.error_body_of(place.path)(refusal.status, str(refusal))
        return json_response(body, refusal.status, refusal.headers)


async def _send(response: Response, send: Send, *, ends: bool) -> None:
    """Send an answer.

    Args:
        response: the answer.
        send: of ASGI.
        ends: whether the exchange ends with it; else the connection will, once the rest of the
            request is thrown away.
    """
    headers = [
        (b"content-length", b"%d" % len(response.body)),
        (b"content-type", response.media_type.encode("latin-1")),
    ]
    for name, value in response.headers.items():
        headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    if not ends:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": not ends})
