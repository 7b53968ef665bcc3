"""The pages of docs/how-to on search and what is built on it, run from beginning to end."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.environments import interpreter
from tests.support import guide_checkpoints
from tests.support.guide_checkpoints import read_guide
from tests.support.made_once import MadeOnce
from tests.support.page_blocks import read_blocks, run_page

ROOT = Path(__file__).parents[2]
SECONDS = 60
"""Longer than a service takes to start."""

pytestmark = pytest.mark.documents


@pytest.fixture(scope="session")
def searched(made_once: MadeOnce, minilm: Path) -> Path:
    """The folder in which the page on search has run; it leaves a bundle of MiniLM there."""

    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / "all-MiniLM-L6-v2").symlink_to(minilm)
        guide_checkpoints.write_docstrings(folder)
        runtime = str(ROOT / "runtime")
        pythons = {"search": interpreter("search")}
        ran = run_page(read_guide("search"), folder, pythons=pythons, PYTHONPATH=runtime)
        assert {block.title for block in ran} == {None, "search"}

    return made_once("searched", make)


def test_search(searched: Path) -> None:
    assert (searched / "vectors.npy").exists()


def test_reranking(tmp_path: Path, searched: Path) -> None:
    guide_checkpoints.write_relevance(tmp_path)
    (tmp_path / "my-embedder").symlink_to(searched / "my-model")
    assert list(run_page(read_guide("reranking"), tmp_path))


def test_a_service(tmp_path: Path, searched: Path) -> None:
    (tmp_path / "my-model").symlink_to(searched / "my-model")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    page = read_guide("server").replace("8000", port)
    blocks = run_page(page, tmp_path)
    ran = [next(blocks)]  # what comes before the service starts
    (start,) = (each.code for each in read_blocks(page) if "edgebert-run serve" in each.code)
    with served(start, tmp_path, int(port)):
        ran += blocks
    assert len(ran) == sum(block.reason is None for block in read_blocks(page))


@contextmanager
def served(command: str, folder: Path, port: int) -> Iterator[None]:
    """A command that serves a port, from its first answer on."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, "EDGEBERT_CACHE": str(folder / ".cache")}
    server = subprocess.Popen(["bash", "-c", f"exec env {command}"], cwd=folder, env=environment)
    try:
        until = time.monotonic() + SECONDS
        while not answers(port):
            assert server.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait(SECONDS)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
