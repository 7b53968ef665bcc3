"""What clients are answered, also beside others that are wrong, leave, or come in floods."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edgebert_runtime import Bundle, Embedder
from tests.support.served import FAST, Served, serving
from tests.support.tiny_encoder import TEXTS

pytestmark = pytest.mark.serving

PATH = "/v1/embeddings"
RESET = struct.pack("ii", 1, 0)


def vectors_of(served: Served, texts: list[str]) -> np.ndarray:
    status, answer, _ = served.ask(PATH, {"input": texts, "model": "model"})
    assert status == 200, answer
    return np.array([each["embedding"] for each in answer["data"]])


def check_vectors(served: Served, model: Embedder, texts: list[str]) -> None:
    np.testing.assert_allclose(vectors_of(served, texts), model.embed(texts), atol=1e-5)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"input": "\xff"}', 400, "not JSON in UTF-8"),
        (b'{"input": ["a", NaN]}', 400, "not JSON in UTF-8"),
        (b"[" * 100_000, 400, "not JSON in UTF-8"),
        (b"", 400, "not JSON in UTF-8"),
        (b"17", 400, "the body is 17, expected an object"),
        (b'{"input": []}', 400, "at least 1"),
        (b'{"input": ["good", 7]}', 400, "input[1] is 7"),
        (b'{"input": ["good", "\\ud800"]}', 400, ""),
        (b'{"input": "a", "model": "none"}', 404, "there is model"),
        (b'{"input": "a", "model": 7}', 404, "there is model"),
        (json.dumps({"input": ["a"] * 2049}).encode(), 413, "2,049 texts"),
    ],
)
def test_a_wrong_request_is_told_so(
    usual: Served, model: Embedder, body: bytes, status: int, said: str
) -> None:
    found, answer, _ = usual.ask(PATH, body)
    assert found == status, answer
    assert said in answer["error"]["message"]
    check_vectors(usual, model, ["a red cat"])


def test_right_answers_beside_wrong_requests(usual: Served, model: Embedder) -> None:
    """Every text gets its own vector, whoever asks beside it."""
    expected = model.embed(TEXTS)
    batches = [[number % len(TEXTS), (number * 7 + 1) % len(TEXTS)] for number in range(200)]

    def ask(number: int) -> None:
        if number % 5 == 0:
            assert usual.ask(PATH, {"input": ["good", 7]})[0] == 400
            return
        places = batches[number]
        found = vectors_of(usual, [TEXTS[place] for place in places])
        np.testing.assert_allclose(found, expected[places], atol=1e-5)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(len(batches))))


def test_clients_that_leave_take_nothing_from_the_others(usual: Served, model: Embedder) -> None:
    before = usual.resident_mib()
    body = json.dumps({"input": ["a red cat sat on the mat"] * 500}).encode()
    head = b"POST %s HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n"
    for _ in range(50):
        with usual.connect() as connection:
            connection.sendall(head % (PATH.encode(), len(body)) + body)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    begun = time.monotonic()
    check_vectors(usual, model, ["a red cat"])
    assert time.monotonic() - begun < 5
    deadline = time.monotonic() + 20
    while metric(usual, 'edgebert_in_flight{model="model"}') and time.monotonic() < deadline:
        time.sleep(0.1)
    assert metric(usual, 'edgebert_in_flight{model="model"}') == 0
    assert metric(usual, 'edgebert_waiting_rows{model="model"}') == 0
    assert metric(usual, 'edgebert_requests_total{model="model",outcome="cancelled"}') > 0
    assert usual.resident_mib() - before < 32


def metric(served: Served, name: str) -> float:
    status, text, _ = served.ask("/metrics")
    assert status == 200
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


@pytest.fixture(scope="module")
def hurried(
    parser: str, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server on which hardly anything may wait."""
    folder: Path = tmp_path_factory.mktemp(f"hurried-{parser}")
    words = (f"model={tiny_bundle.folder}", "--max-wait", "0.05", "--parser", parser)
    with serving(folder, *words, fast=parser == "httptools") as served:
        yield served


def test_a_flood_is_refused_and_what_is_taken_is_answered(hurried: Served, model: Embedder) -> None:
    texts = ["a red cat sat on the mat and ran far over it"] * 400
    expected = model.embed(texts[:1])[0]
    statuses: list[int] = []

    def flood(_: int) -> None:
        status, answer, headers = hurried.ask(PATH, {"input": texts})
        statuses.append(status)
        if status == 429:
            assert int(headers["Retry-After"]) >= 1
            assert answer["error"]["type"] == "rate_limit_error"
            return
        assert status == 200, answer
        for each in answer["data"]:
            np.testing.assert_allclose(each["embedding"], expected, atol=1e-5)

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(flood, range(72)))
    assert statuses.count(200) > 0
    assert statuses.count(429) > 0
    assert statuses.count(200) + statuses.count(429) == 72
    check_vectors(hurried, model, ["a red cat"])


def test_a_connection_takes_several_requests_one_after_the_other(usual: Served) -> None:
    body = json.dumps({"input": "a cat"}).encode()
    head = b"POST %s HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n" % (
        PATH.encode(),
        len(body),
    )
    with usual.connect() as connection:
        connection.sendall(
            (head + body) * 3 + b"GET /health HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n"
        )
        found = b""
        while part := connection.recv(65536):
            found += part
    assert found.count(b"HTTP/1.1 200 ") == 4
    assert found.count(b'"embedding":[') == 3


@pytest.mark.skipif(not FAST, reason="EDGEBERT_SERVE_FAST is not set; `.ci/serving` sets it")
def test_answers_with_and_without_orjson_are_the_same(tiny_bundle: Bundle, tmp_path: Path) -> None:
    found = []
    for fast in (False, True):
        folder = tmp_path / str(fast)
        folder.mkdir()
        with serving(folder, f"model={tiny_bundle.folder}", fast=fast) as served:
            found.append(vectors_of(served, TEXTS).astype(np.float32))
    np.testing.assert_array_equal(found[0], found[1])


def test_a_log_has_no_text_of_clients(tiny_bundle: Bundle, tmp_path: Path) -> None:
    secret = "xyzzysecret"
    with serving(tmp_path, f"model={tiny_bundle.folder}", "--log-requests") as served:
        assert served.ask(PATH, {"input": secret})[0] == 200
        assert served.ask(PATH, {"input": [secret, 7]})[0] == 400
        assert served.ask(f"/{secret}?{secret}={secret}", {secret: secret})[0] == 404
        assert served.ask(f"/model/v1/{secret}")[0] == 404
        time.sleep(0.2)
        lines = served.events()
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200, 400, 404, 404]
    assert [line["route"] for line in requests] == [PATH, PATH, "unknown", "unknown"]
    assert secret not in (tmp_path / "server.log").read_text(encoding="utf-8")


def test_a_server_is_well_while_it_works(usual: Served) -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            usual.ask(PATH, {"input": ["a red cat"] * 200})

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(work)
        try:
            for _ in range(20):
                assert usual.ask("/health")[0] == 200
                assert usual.ask("/ready")[0] == 200
        finally:
            stop.set()
