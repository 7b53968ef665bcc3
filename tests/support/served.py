"""A server of bundles in a process of its own, and raw connections to it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
SECONDS: Final = 60.0
"""Longer than anything here takes."""

FAST: Final = os.environ.get("EDGEBERT_SERVE_FAST", "")
"""The folder of httptools, uvloop and orjson; without one the server has none of them."""

COMMAND: Final = ("-m", "edgebert_runtime", "serve")
IMPATIENT: Final = ("-m", "tests.support.impatient_server")
"""A server whose deadlines a test can wait for."""

PARSERS: Final = ("h11", "httptools")


@dataclass
class Served:
    """A running server.

    Attributes:
        process: of it.
        url: without a path.
        errors: what it writes to standard error.
    """

    process: subprocess.Popen[bytes]
    url: str
    errors: Path

    @property
    def address(self) -> tuple[str, int]:
        """What a socket connects to."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def ask(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, value and headers of an answer; a body that is no bytes is sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status, _value(answer.read()), _lowered(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _value(error.read()), _lowered(error.headers)

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection from an address of this machine."""
        return socket.create_connection(self.address, SECONDS, (source, 0))

    def resident_mib(self) -> float:
        """Memory that the process has now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024

    def open_files(self) -> int:
        """Files and connections that the process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def events(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        lines = self.errors.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def serving(
    folder: Path,
    *words: object,
    program: Sequence[str] = COMMAND,
    fast: bool = False,
) -> Iterator[Served]:
    """A server that is ready; it is killed in the end unless it has ended.

    Args:
        folder: for what it writes.
        words: of the command; the port is one that is free.
        program: arguments of Python.
        fast: whether it has what the extra `serve-fast` installs.
    """
    errors = folder / "server.log"
    command = [sys.executable, *program, *map(str, words), "--port", "0"]
    with errors.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(fast=fast), stderr=file)
    try:
        yield Served(process, _wait_for_url(process, errors), errors)
    finally:
        process.kill()
        process.wait(SECONDS)


def environment(*, fast: bool = False) -> dict[str, str]:
    """The environment of a server, with or without what makes it faster."""
    paths = [str(ROOT / each) for each in ("runtime", "export", "quantize", ".")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, *([FAST] * fast)])}


def read_all(connection: socket.socket) -> bytes:
    """What a server sends until it closes; a reset is an end, too."""
    found = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return found
        if not part:
            return found
        found += part


def _wait_for_url(process: subprocess.Popen[bytes], errors: Path) -> str:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        text = errors.read_text(encoding="utf-8")
        found = re.search(r'"event": "listening", "url": "([^"]+)"', text)
        if found:
            return found[1]
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}: {text}")
        time.sleep(0.02)
    raise AssertionError(f"the server did not start: {errors.read_text(encoding='utf-8')}")


def _lowered(headers: Message) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _value(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
