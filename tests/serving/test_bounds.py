"""Clients that send too much, too slowly, or without end; the others are served meanwhile."""

import json
import socket
import struct
import time
from contextlib import ExitStack

import numpy as np
import pytest

from edgebert_runtime import Embedder
from tests.support.impatient_server import LIMITS
from tests.support.served import Served, read_all

pytestmark = pytest.mark.serving

PATH = "/v1/embeddings"
POST = b"POST /v1/embeddings HTTP/1.1\r\nhost: here\r\nconnection: close\r\n"
MIB = 1 << 20


def check_served(served: Served, model: Embedder) -> None:
    """A right answer, in time."""
    begun = time.monotonic()
    status, answer, headers = served.ask(PATH, {"input": "a red cat", "model": "model"})
    assert status == 200, answer
    found = answer["data"][0]["embedding"]
    np.testing.assert_allclose(found, model.embed(["a red cat"])[0], atol=1e-6)
    assert headers["x-edgebert-variant"] == model.info().variant
    assert time.monotonic() - begun < 5


def send(connection: socket.socket, data: bytes) -> bool:
    """Whether a server still takes data."""
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


@pytest.mark.parametrize("begin", [b"", b"P", POST, POST + b"x: y"], ids=len)
def test_headers_that_do_not_end_in_time(impatient: Served, begin: bytes, model: Embedder) -> None:
    with impatient.connect() as connection:
        begun = time.monotonic()
        send(connection, begin)
        check_served(impatient, model)
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")
        assert 0.9 < time.monotonic() - begun < 4


def test_headers_that_trickle_end_by_the_same_deadline(impatient: Served) -> None:
    with impatient.connect() as connection:
        begun = time.monotonic()
        while send(connection, b"G" if time.monotonic() - begun < 0.1 else b"a"):
            assert time.monotonic() - begun < 4
            time.sleep(0.05)


def test_a_second_request_that_trickles_ends_too(impatient: Served) -> None:
    with impatient.connect() as connection:
        send(connection, b"GET /health HTTP/1.1\r\nhost: here\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        begun = time.monotonic()
        send(connection, b"GET /hea")
        assert b"HTTP/1.1 408 " in read_all(connection)
        assert time.monotonic() - begun < 4


@pytest.mark.parametrize("line", [b"x: ", b"GET /"], ids=["value", "path"])
def test_headers_of_40_mib_take_no_memory(impatient: Served, line: bytes) -> None:
    before = impatient.resident_mib()
    begin = line if line.startswith(b"GET") else POST + line
    with impatient.connect() as connection:
        sent, part = send(connection, begin), b"a" * MIB
        parts = 0
        while sent and parts < 40:
            sent, parts = send(connection, part), parts + 1
        assert parts < 40
    assert impatient.resident_mib() - before < 8


def test_many_headers_of_one_packet(impatient: Served) -> None:
    lines = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 100) for number in range(400))
    with impatient.connect() as connection:
        send(
            connection,
            b"GET /health HTTP/1.1\r\nhost: here\r\nconnection: close\r\n" + lines + b"\r\n",
        )
        status = read_all(connection).split(b" ", 2)[1]
        assert status in (b"431", b"400")  # h11 says 400 of what is beyond its buffer


def test_a_body_without_end_takes_no_memory(impatient: Served, model: Embedder) -> None:
    before = impatient.resident_mib()
    with impatient.connect() as connection:
        send(connection, POST + b"transfer-encoding: chunked\r\n\r\n")
        begun, chunk = time.monotonic(), b"10000\r\n" + b" " * 65536 + b"\r\n"
        while send(connection, chunk):
            assert time.monotonic() - begun < 8
    assert impatient.resident_mib() - before < 8
    check_served(impatient, model)


def test_a_body_that_trickles_ends_by_the_deadline(impatient: Served, model: Embedder) -> None:
    with impatient.connect() as connection:
        send(connection, POST + b"content-length: 1000\r\n\r\n")
        begun = time.monotonic()
        check_served(impatient, model)
        connection.settimeout(0.1)
        found = b""
        while not found:
            send(connection, b" ")
            try:
                found = connection.recv(4096)
            except TimeoutError:
                assert time.monotonic() - begun < 6
        assert found.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - begun > 1.9


def test_what_follows_a_chunked_body_is_bounded(impatient: Served) -> None:
    before = impatient.resident_mib()
    with impatient.connect() as connection:
        send(connection, POST + b"transfer-encoding: chunked\r\n\r\n0\r\nx: ")
        parts = 0
        while send(connection, b"a" * MIB) and parts < 40:
            parts += 1
        assert parts < 40
    assert impatient.resident_mib() - before < 8


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_that_is_too_large_is_told_so(impatient: Served, *, chunked: bool) -> None:
    """Also to who first sends all of it, and then reads."""
    body = b" " * (LIMITS.body_bytes + 65536)
    with impatient.connect() as connection:
        if chunked:
            send(connection, POST + b"transfer-encoding: chunked\r\n\r\n")
            send(connection, b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            send(connection, POST + b"content-length: %d\r\n\r\n" % len(body) + body)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"more than 1,048,576 bytes" in answer


def test_a_compressed_body_is_refused(impatient: Served) -> None:
    status, answer, _ = impatient.ask(PATH, b"\x1f\x8b\x08", {"Content-Encoding": "gzip"})
    assert status == 415
    assert "compressed" in answer["error"]["message"]


def test_a_client_that_reads_no_answer_is_left(impatient: Served, model: Embedder) -> None:
    """Its answers would fill memory: they are larger than what the system buffers."""
    files, before = impatient.open_files(), impatient.resident_mib()
    body = json.dumps({"input": ["a"] * 2000}).encode()
    head = b"POST /v1/embeddings HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n" % len(body)
    with impatient.connect() as connection:
        connection.settimeout(0.5)
        deadline = time.monotonic() + 20
        try:
            while time.monotonic() < deadline:
                connection.sendall(head + body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        except TimeoutError:  # nothing is read of it any more
            while impatient.open_files() > files and time.monotonic() < deadline:
                time.sleep(0.1)
        assert impatient.open_files() <= files
        assert impatient.resident_mib() - before < 32
    check_served(impatient, model)


def test_idle_connections_leave_room_for_who_asks(impatient: Served, model: Embedder) -> None:
    """Three times as many as are taken: the oldest that sent nothing are closed."""
    with ExitStack() as stack:
        idle = [stack.enter_context(impatient.connect()) for _ in range(LIMITS.connections * 3)]
        check_served(impatient, model)
        assert impatient.open_files() < LIMITS.connections + 64
        assert read_all(idle[0]).startswith(b"HTTP/1.1 503 ")


def test_kept_connections_leave_room_for_who_asks(impatient: Served, model: Embedder) -> None:
    """Each has asked once, and is kept open by its client."""
    with ExitStack() as stack:
        kept = [stack.enter_context(impatient.connect()) for _ in range(LIMITS.connections)]
        for connection in kept:
            send(connection, b"GET /health HTTP/1.1\r\nhost: here\r\n\r\n")
            found = b""
            while not found.endswith(b"}"):
                found += connection.recv(4096)
        check_served(impatient, model)
        assert read_all(kept[0]) == b""
        send(kept[-1], b"GET /health HTTP/1.1\r\nhost: here\r\n\r\n")
        assert kept[-1].recv(4096).startswith(b"HTTP/1.1 200 ")


def test_connections_opened_and_dropped(usual: Served, model: Embedder) -> None:
    """5,000 of them, from several addresses, closed by a reset so that no port stays taken."""
    for number in range(1000):  # buffers that are kept come with the first
        drop(usual, number)
    check_served(usual, model)
    before, files = usual.resident_mib(), usual.open_files()
    for number in range(5000):
        drop(usual, number)
        if number % 1000 == 0:
            check_served(usual, model)
    check_served(usual, model)
    time.sleep(0.5)
    assert usual.open_files() <= files + 4
    assert usual.resident_mib() - before < 16  # h11 keeps some MiB of buffers, once


def drop(served: Served, number: int) -> None:
    """Connect, send nothing, a part of the headers or of a body, and reset the connection."""
    with served.connect(f"127.0.0.{2 + number % 8}") as connection:
        if number % 3 == 1:
            send(connection, POST[: number % len(POST)])
        elif number % 3 == 2:
            send(connection, POST + b"content-length: 99\r\n\r\n{")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
