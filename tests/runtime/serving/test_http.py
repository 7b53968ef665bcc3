"""The application, called as a server of ASGI calls it."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.errors import EngineError
from edgebert_runtime.serving import Access, Application, Keys, Limits, ServiceOptions
from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.pages import STANDSTILL_SECONDS
from edgebert_runtime.serving.receiving import CANCELS, Message

PATH = "/v1/embeddings"
ORIGIN = "https://page.example"


@dataclass
class Answer:
    """What an application sent."""

    sent: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def value(self) -> Any:
        return json.loads(b"".join(each.get("body", b"") for each in self.sent[1:]))


@pytest.fixture(scope="module")
def model(tiny_bundle: Bundle) -> Iterator[Embedder]:
    with load(tiny_bundle) as found:
        yield found


async def call(
    app: Application,
    method: str,
    path: str,
    body: bytes | Sequence[Message] = b"",
    headers: Mapping[str, str] | None = None,
    **scope: Any,
) -> Answer:
    """One request of a client that stays until its answer."""
    sent, answer = [{"type": "http.request", "body": body}], Answer()
    messages = iter(sent if isinstance(body, bytes) else body)
    given = {"content-length": str(len(body))} if isinstance(body, bytes) and body else {}

    async def receive() -> Message:
        for message in messages:
            return dict(message)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        answer.sent.append(message)

    pairs = [
        (name.encode(), value.encode()) for name, value in {**given, **(headers or {})}.items()
    ]
    asked = {"type": "http", "method": method, "path": path, "headers": pairs, **scope}
    await app(asked, receive, send)
    return answer


def application(model: Embedder, **access: Any) -> Application:
    return Application([BundleService("model", model, ServiceOptions())], Access(**access))


def ask(model: Embedder, method: str, path: str, *given: Any, **access: Any) -> Answer:
    """One request to an application that is not started: what it refuses needs no model."""
    return asyncio.run(call(application(model, **access), method, path, *given))


def test_a_text_is_answered(model: Embedder) -> None:
    async def run() -> list[Answer]:
        app = application(model)
        await app.start()
        body = json.dumps({"input": "a red cat"}).encode()
        cancels: dict[str, Any] = {"extensions": {CANCELS: {}}}
        found = [
            await call(app, "POST", PATH, body),
            await call(app, "POST", f"/model{PATH}", body, None, **cancels),
            await call(app, "POST", f"/below{PATH}", body, root_path="/below"),
        ]
        service = app._directory.services["model"]  # noqa: SLF001
        await service.close(1)  # the model is that of other tests
        return found

    for answer in asyncio.run(run()):
        assert answer.status == 200
        assert answer.headers["x-edgebert-variant"] == model.info().variant
        found = answer.value["data"][0]["embedding"]
        np.testing.assert_allclose(found, model.embed(["a red cat"])[0], atol=1e-6)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/model", 405),
        ("GET", PATH, 405),
        ("POST", "/health", 405),
        ("GET", "/health", 200),
        ("HEAD", "/health", 200),
        ("GET", "/ready", 503),
        ("GET", "/model/info", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/model", 200),
        ("GET", "/v1/models/other", 404),
    ],
)
def test_pages(model: Embedder, method: str, path: str, status: int) -> None:
    assert ask(model, method, path).status == status


def test_a_model_says_what_it_is(model: Embedder) -> None:
    info = model.info()
    (listed,) = ask(model, "GET", "/v1/models").value["data"]
    assert (listed["precision"], listed["variant"]) == (info.precision, info.variant)
    assert (listed["max_length"], listed["dimensions"]) == (info.max_length, info.dimensions)
    shown = ask(model, "GET", "/info").value
    assert shown["max_input_length"] == info.max_length
    assert info.bundle not in json.dumps(shown)


def test_a_body_of_no_bytes_is_none(model: Embedder) -> None:
    headers = {"content-length": "0"}
    assert "connection" not in ask(model, "GET", "/health", [], headers).headers


def test_methods_that_a_path_has_are_named(model: Embedder) -> None:
    assert ask(model, "GET", PATH).headers["allow"] == "POST"


def test_a_queue_that_stands_still_is_not_well(
    model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds, status in ((STANDSTILL_SECONDS - 0.1, 200), (STANDSTILL_SECONDS, 503)):
        monkeypatch.setattr(BundleService, "standing_still", lambda _, found=seconds: found)
        assert ask(model, "GET", "/health").status == status


def test_a_key_is_asked_for_before_anything_is_read(model: Embedder) -> None:
    keys = Keys.of(["key"])
    answer = ask(model, "POST", PATH, [], keys=keys)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.value["error"]["type"] == "authentication_error"
    assert ask(model, "GET", "/health", keys=keys).status == 200


@pytest.mark.parametrize(
    ("allowed", "status"), [((), 403), (("https://other.example",), 403), ((ORIGIN,), 200)]
)
def test_pages_of_browsers(model: Embedder, allowed: Sequence[str], status: int) -> None:
    headers = {"origin": ORIGIN}
    answer = ask(model, "GET", "/v1/models", b"", headers, origins=allowed)
    assert answer.status == status
    assert answer.headers.get("access-control-allow-origin") == (ORIGIN if status == 200 else None)
    asks = {**headers, "access-control-request-method": "POST"}
    first = ask(model, "OPTIONS", PATH, b"", asks, origins=allowed)
    assert first.status == status
    assert ("access-control-allow-methods" in first.headers) == (status == 200)


def test_refusals_are_seen_by_pages_that_are_allowed(model: Embedder) -> None:
    answer = ask(model, "GET", "/nothing", b"", {"origin": ORIGIN}, origins=("*",))
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (404, ORIGIN)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-encoding": "gzip"}, 415),
        ({"content-length": "1" + "0" * 5000}, 413),
        ({"content-length": "17"}, 413),
        ({"x": "a" * 40_000}, 431),
    ],
)
def test_what_is_refused_before_it_is_read(
    model: Embedder, headers: Mapping[str, str], status: int
) -> None:
    limits = Limits(body_bytes=16)
    given = {"transfer-encoding": "chunked", **headers}
    answer = ask(model, "POST", PATH, [{"type": "http.disconnect"}], given, limits=limits)
    assert answer.status == status
    assert answer.headers["connection"] == "close"


def test_a_body_is_counted_while_it_is_read(model: Embedder) -> None:
    part = {"type": "http.request", "body": b" " * 10, "more_body": True}
    answer = ask(model, "POST", PATH, [part] * 2, limits=Limits(body_bytes=16, linger_seconds=0.01))
    assert answer.status == 413


def test_a_body_that_does_not_end(model: Embedder) -> None:
    part = {"type": "http.request", "body": b" ", "more_body": True}
    answer = ask(model, "POST", PATH, [part], limits=Limits(body_seconds=0.01, linger_seconds=0.01))
    assert answer.status == 408


def test_a_client_that_leaves_before_the_end_of_its_body_is_not_answered(model: Embedder) -> None:
    messages = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    assert ask(model, "POST", PATH, messages).sent == []


def test_a_client_that_leaves_ends_its_request(
    model: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []

    async def wait(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    monkeypatch.setattr(BundleService, "answer", wait)
    body = {"type": "http.request", "body": b'{"input": "a"}'}
    assert ask(model, "POST", PATH, [body, {"type": "http.disconnect"}]).sent == []
    assert ended == ["cancelled"]


@pytest.mark.parametrize(
    ("error", "said"), [(KeyError("secret"), "its log says"), (EngineError("broken"), "broken")]
)
def test_an_unknown_error_tells_nothing(
    model: Embedder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    said: str,
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(BundleService, "answer", fail)
    answer = ask(model, "POST", PATH, b'{"input": "a"}')
    assert answer.status == 500
    assert said in answer.value["error"]["message"]
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["route"], line["error"]) == ("failed", PATH, type(error).__name__)
    assert "secret" not in json.dumps(line)


def test_numbers_for_prometheus(model: Embedder) -> None:
    async def run() -> str:
        app = application(model)
        await call(app, "GET", "/health")
        await call(app, "GET", "/made-up")
        answer = await call(app, "GET", "/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        body: bytes = answer.sent[1]["body"]
        return body.decode()

    lines = asyncio.run(run()).splitlines()
    assert 'edgebert_http_requests_total{route="/health",status="200"} 1' in lines
    assert 'edgebert_http_requests_total{route="unknown",status="404"} 1' in lines
    assert 'edgebert_http_request_seconds_bucket{route="/health",le="+Inf"} 1' in lines
    assert 'edgebert_waiting_rows{model="model"} 0' in lines
    assert "made-up" not in "".join(lines)
    values = [line.rpartition(" ")[2] for line in lines if not line.startswith("#")]
    assert all(float(value) >= 0 for value in values)
    kinds = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds))
