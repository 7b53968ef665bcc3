"""Ask a server over a number of connections, and note how long each answer takes.

Usage: python load_generator.py < JOB > RESULT, both JSON. It needs the standard library alone and
one thread: on the cores of the server, what it takes itself is told as `cpu_s`.

A job has `host`, `port` and `path`; `bodies`, a file with a JSON body a line, asked in turn;
`clients`, how many connections; `requests`, how many in all; `seconds`, after which none is asked
any more; and `rate`, requests a second whatever the answers, or null for a next request as soon as
there is an answer.
"""

import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

CHUNK_BYTES: Final = 1 << 20
OK: Final = 200
END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
PATIENCE_SECONDS: Final = 60.0


class Connection:
    """One client: a connection that is kept, with at most one request under way."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received, self._expected = b"", 0
        self.begun = 0.0
        self.waits = False

    def ask(self, request: bytes) -> None:
        """Send a request; what does not fit into the socket's buffer is waited for."""
        self._received, self._expected = b"", 0
        self.begun, self.waits = time.perf_counter(), True
        self.socket.sendall(request)

    def status(self) -> int | None:
        """Read what is there; the status once the answer is whole.

        Raises:
            ConnectionError: the server closed the connection.
        """
        data = self.socket.recv(CHUNK_BYTES)
        if not data:
            raise ConnectionError("the server closed a connection before it had answered")
        self._received += data
        if not self._expected:
            end = self._received.find(END)
            if end < 0:
                return None
            head = self._received[:end].lower()
            start = head.index(LENGTH) + len(LENGTH)
            self._expected = end + len(END) + int(head[start:].split(b"\r\n", 1)[0])
        if len(self._received) < self._expected:
            return None
        self.waits = False
        return int(self._received[9:12])


class Generator:
    """Connections, and what their answers took.

    Attributes:
        samples_us: of each answer with status 200, in the order of answers.
        refused_us: of each other answer.
        statuses: status → how many.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self._requests = requests_of(job)
        self._left = int(job["requests"])
        self._rate: float | None = job["rate"]
        self._seconds = float(job["seconds"])
        self._address = job["host"], job["port"]
        self._poll = select.epoll()
        self._by_file: dict[int, Connection] = {}
        self._free = [self._connected() for _ in range(job["clients"])]
        """The last one was used last: a server closes what rests for long."""
        self.samples_us: list[int] = []
        self.refused_us: list[int] = []
        self.statuses: dict[int, int] = {}

    def run(self) -> float:
        """Ask until every request is answered; the seconds that takes.

        Raises:
            TimeoutError: nothing came for a minute.
            ConnectionError: the server closed a connection that waited for an answer.
        """
        begun, sent = time.perf_counter(), 0
        while self._left or len(self._free) < len(self._by_file):
            self._receive(self._timeout(begun, sent))
            if time.perf_counter() - begun > self._seconds:
                self._left = 0
            due = self._due(time.perf_counter() - begun, sent)
            while self._free and due and self._left:
                self._free.pop().ask(next(self._requests))
                due, sent, self._left = due - 1, sent + 1, self._left - 1
        return time.perf_counter() - begun

    def _connected(self) -> Connection:
        """A further connection, whose answers are waited for."""
        client = Connection(*self._address)
        self._by_file[client.socket.fileno()] = client
        self._poll.register(client.socket, select.EPOLLIN)
        return client

    def _renew(self, client: Connection) -> None:
        """In place of a connection that the server closed because nothing was asked."""
        self._free.remove(client)
        self._poll.unregister(client.socket)
        del self._by_file[client.socket.fileno()]
        client.socket.close()
        self._free.append(self._connected())

    def _due(self, passed: float, sent: int) -> int:
        return len(self._free) if self._rate is None else int(passed * self._rate) - sent

    def _timeout(self, begun: float, sent: int) -> float:
        if not self._left or not self._free:
            return PATIENCE_SECONDS
        if self._rate is None:
            return 0.0
        return max(0.0, begun + (sent + 1) / self._rate - time.perf_counter())

    def _receive(self, timeout: float) -> None:
        ready = self._poll.poll(timeout)
        if not ready and timeout >= PATIENCE_SECONDS:
            raise TimeoutError(f"no answer for {timeout:g} s")
        for file, _ in ready:
            client = self._by_file[file]
            if not client.waits:
                self._renew(client)
                continue
            status = client.status()
            if status is None:
                continue
            took = int((time.perf_counter() - client.begun) * 1e6)
            (self.samples_us if status == OK else self.refused_us).append(took)
            self.statuses[status] = self.statuses.get(status, 0) + 1
            self._free.append(client)


def requests_of(job: dict[str, Any]) -> Iterator[bytes]:
    """Every body as a whole request, over and over."""
    lines = Path(job["bodies"]).read_bytes().splitlines()
    head = (
        f"POST {job['path']} HTTP/1.1\r\nhost: {job['host']}\r\ncontent-type: application/json\r\n"
    )
    whole = [f"{head}content-length: {len(line)}\r\n\r\n".encode() + line for line in lines]
    return islice(cycle(whole), int(job["requests"]))


def main() -> None:
    generator = Generator(json.load(sys.stdin))
    begun = time.process_time()
    seconds = generator.run()
    result = {
        "seconds": seconds,
        "cpu_s": time.process_time() - begun,
        "samples_us": generator.samples_us,
        "refused_us": generator.refused_us,
        "statuses": generator.statuses,
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
