"""The load generator of the benchmarks asks and counts every request once."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchmarks.scale.server import GENERATOR

pytestmark = pytest.mark.serving

BODY = b'{"text": "\xc3\xa4"}\n{"text": "b"}\n'


class EveryThird(BaseHTTPRequestHandler):
    """Refuses every third request; answers come in two parts."""

    protocol_version = "HTTP/1.1"
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with LOCK:
            self.bodies.append(body)
            refused = len(self.bodies) % 3 == 0
        self.send_response(429 if refused else 200)
        self.send_header("Content-Length", "20000")
        self.end_headers()
        self.wfile.write(b"x" * 9_999)
        self.wfile.flush()
        self.wfile.write(b"x" * 10_001)

    def log_message(self, *_: object) -> None: ...


class Hasty(EveryThird):
    """Closes connections on which nothing is asked for a while."""

    timeout = 0.3


class Roomy(ThreadingHTTPServer):
    """Its clients need not wait for a second until they are let in."""

    request_queue_size = 64


LOCK = threading.Lock()


@contextmanager
def answering(handler: type[EveryThird] = EveryThird) -> Iterator[tuple[int, list[bytes]]]:
    """A server; its port, and the bodies it was sent."""
    EveryThird.bodies.clear()
    with Roomy(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, EveryThird.bodies
        finally:
            server.shutdown()
            thread.join()


def generated(folder: Path, port: int, *, seconds: float = 60, **job: Any) -> Any:
    (folder / "bodies.jsonl").write_bytes(BODY)
    job |= {"seconds": seconds}
    job |= {"host": "127.0.0.1", "port": port, "path": "/p", "bodies": str(folder / "bodies.jsonl")}
    done = subprocess.run(
        [sys.executable, str(GENERATOR)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("rate", [None, 2_000.0])
def test_every_request_is_asked_and_counted_once(rate: float | None, tmp_path: Path) -> None:
    with answering() as (port, bodies):
        found = generated(tmp_path, port, clients=5, requests=60, rate=rate)
    assert found["statuses"] == {"200": 40, "429": 20}
    assert (len(found["samples_us"]), len(found["refused_us"])) == (40, 20)
    assert sorted(set(bodies)) == sorted(BODY.splitlines())
    assert len(bodies) == 60
    assert 0 < found["cpu_s"] < 60
    if rate:
        assert found["seconds"] >= 59 / rate


def test_connections_that_the_server_closed_meanwhile_are_made_anew(tmp_path: Path) -> None:
    """Twenty requests a second need one or two of ten connections: the others rest."""
    with answering(Hasty) as (port, bodies):
        found = generated(tmp_path, port, clients=10, requests=40, rate=20.0)
    assert found["statuses"] == {"200": 27, "429": 13}
    assert len(bodies) == 40


def test_nothing_is_asked_when_the_time_is_over(tmp_path: Path) -> None:
    with answering() as (port, bodies):
        found = generated(tmp_path, port, seconds=0.3, clients=2, requests=10**6, rate=None)
    assert 0 < sum(found["statuses"].values()) == len(bodies) < 10**6
    assert 0.3 < found["seconds"] < 30
