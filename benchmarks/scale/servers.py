"""Servers that are measured: how each is started and asked, and what it takes of the machine."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from benchmarks.artifacts import made
from benchmarks.engines import checkpoint_with_int8
from benchmarks.environments import interpreter
from benchmarks.machine import ROOT
from benchmarks.pairing import PeerError

START_SECONDS: Final = 60.0
END_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.005
IMPATIENT: Final = ("--max-wait", "0.5")
"""Under overload: a request then waits too long before the connections run out."""

CPU_FIELDS: Final = slice(11, 13)
"""User and system time behind the name in /proc/PID/stat, in ticks; proc(5)."""

STOCK: Final = MappingProxyType({"EDGEBERT_NATIVE": "0"})
NATIVE: Final = MappingProxyType({"EDGEBERT_NATIVE": "1"})
OWN_ENVIRONMENT: Final = MappingProxyType(
    {
        "PYTHONPATH": "",
        "HF_HUB_OFFLINE": "1",
        "INFINITY_ANONYMOUS_USAGE_STATS": "0",
    }
)
"""For a server with an environment of its own, which is not to ask the network."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A server.

    Attributes:
        title: in the report.
        command: bundle and port → what starts it.
        path: that is asked.
        body: texts → the body.
        environment: variables beside this process's own.
        impatient: arguments with which it refuses what it cannot do in time; none if it never does.
        folder: where it is started.
    """

    title: str
    command: Callable[[Path, int], Sequence[str]]
    path: str
    body: Callable[[Sequence[str]], Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    impatient: Sequence[str] = ()
    folder: Callable[[], Path] = lambda: ROOT


def _serve(bundle: Path, port: int) -> Sequence[str]:
    command = [sys.executable, "-m", "edgebert_runtime", "serve", f"model={bundle}"]
    return [*command, "--port", str(port)]


def _fastapi(_: Path, port: int) -> Sequence[str]:
    app = "benchmarks.scale.fastapi_service:app"
    return [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "error"]


def _infinity(_: Path, port: int) -> Sequence[str]:
    """Of the folder it is started in: its optimum finds no file by a longer path."""
    start = "from infinity_emb.cli import cli; cli()"
    command = [str(interpreter("infinity")), "-c", start, "v2", "--model-id", "."]
    engine = ["--engine", "optimum", "--device", "cpu", "--pooling-method", "mean"]
    return [*command, *engine, "--served-model-name", "model", "--port", str(port)]


def _infinity_folder() -> Path:
    """MiniLM with optimum's avx512_vnni file beside its configuration, where infinity finds it."""
    kept = checkpoint_with_int8()

    def write(folder: Path) -> None:
        shutil.copytree(kept, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("onnx"))
        os.link(kept / "onnx" / "model_quantized.onnx", folder / "model_quantized.onnx")

    return made(f"infinity-{kept.name}", write)


def _openai(texts: Sequence[str]) -> Any:
    return {"input": list(texts), "model": "model", "encoding_format": "base64"}


def _named(texts: Sequence[str]) -> Any:
    return {"texts": list(texts)}


CONTENDERS: Final[Mapping[str, Contender]] = MappingProxyType(
    {
        "serve_stock": Contender(
            title="edgebert-run serve, stock int8",
            command=_serve,
            path="/v1/embeddings",
            body=_openai,
            environment=STOCK,
            impatient=IMPATIENT,
        ),
        "serve_native": Contender(
            title="edgebert-run serve, native int8",
            command=_serve,
            path="/v1/embeddings",
            body=_openai,
            environment=NATIVE,
            impatient=IMPATIENT,
        ),
        "fastapi_stock": Contender(
            title="FastAPI, `aembed` a request, stock int8",
            command=_fastapi,
            path="/embed",
            body=_named,
            environment=STOCK,
        ),
        "infinity": Contender(
            title="infinity, optimum int8",
            command=_infinity,
            path="/embeddings",
            body=_openai,
            environment=OWN_ENVIRONMENT,
            folder=_infinity_folder,
        ),
    }
)


class Server:
    """A server that runs.

    Attributes:
        port: on loopback.
        start_s: seconds from its start to its first answer.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, start_s: float) -> None:
        self.port, self.start_s = port, start_s
        self._proc = Path("/proc") / str(process.pid)

    def cpu_s(self) -> float:
        """CPU time of all its threads so far."""
        fields = (self._proc / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return sum(map(int, fields[CPU_FIELDS])) / os.sysconf("SC_CLK_TCK")

    def peak_bytes(self) -> int:
        """The most memory that it had at once."""
        status = (self._proc / "status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024


@contextmanager
def running(
    contender: Contender, bundle: Path, environment: Mapping[str, str], more: Sequence[str] = ()
) -> Iterator[Server]:
    """A server while it is measured.

    Args:
        contender: what is started.
        bundle: that it opens.
        environment: variables beside this process's own.
        more: further arguments of its command.

    Raises:
        PeerError: it does not start, or does not end.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*contender.command(bundle, port), *more],
        cwd=contender.folder(),
        env={**os.environ, **environment, **contender.environment, "EDGEBERT_BUNDLE": str(bundle)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _await_answer(process, contender, port)
        yield Server(process, port, time.perf_counter() - begun)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _await_answer(process: "subprocess.Popen[bytes]", contender: Contender, port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{contender.path}",
        data=json.dumps(contender.body(["a text"])).encode(),
        headers={"content-type": "application/json"},
    )
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            _, said = process.communicate()
            raise PeerError(f"{contender.title} does not start: {said.decode()[-300:].strip()}")
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            raise PeerError(f"{contender.title} answers {error.code}") from error
        except OSError:
            time.sleep(POLL_SECONDS)
        else:
            return
    raise PeerError(f"{contender.title} has not answered for {START_SECONDS:g} s")
