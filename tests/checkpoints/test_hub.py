"""Downloads, from a server on this machine that answers as the Hub does."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
import torch

from edgebert.checkpoints import hub
from tests.support.small_checkpoints import write_checkpoint, write_dense, write_sentence_model

NAME: Final = "org/tiny"
COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"

READ: Final = """
import sys
from tests.support.checkpoints import read_checkpoint
from edgebert_runtime.errors import CheckpointError
for name in sys.argv[1:]:
    try:
        found = read_checkpoint(name)
        print(found.kind, found.name, found.embedding.dimensions)
    except CheckpointError as error:
        print("CheckpointError:", error)
"""

REFUSED: Final = {
    "org/unheard-of": (404, "RepoNotFound"),
    "org/private": (401, "RepoNotFound"),
    "org/gated": (403, "GatedRepo"),
}
"""Models that the server refuses: status and `X-Error-Code`, as the Hub sends them."""

Run = Callable[..., str]


@dataclass
class Hub:
    """A folder served as one model, and what was asked of it.

    Attributes:
        folder: the model's files.
        fetched: the paths of all files whose content was sent.
    """

    folder: Path
    url: str = ""
    fetched: list[str] = field(default_factory=list)

    def describe(self, path: str) -> object | None:
        """The answer of the Hub's JSON endpoints; None where this is none of them."""
        if path.startswith(f"/api/models/{NAME}/revision/"):
            return {"id": NAME, "modelId": NAME, "sha": COMMIT, "siblings": [], "tags": []}
        if path.startswith(f"/api/models/{NAME}/tree/"):
            return [
                {
                    "type": "file",
                    "path": file.relative_to(self.folder).as_posix(),
                    "size": file.stat().st_size,
                    "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
                }
                for file in sorted(self.folder.rglob("*"))
                if file.is_file()
            ]
        return None

    def file(self, path: str) -> Path | None:
        """The file a download address names."""
        file = self.folder / path.removeprefix(f"/{NAME}/resolve/{COMMIT}/")
        return file if path.startswith(f"/{NAME}/resolve/") and file.is_file() else None


class Handler(BaseHTTPRequestHandler):
    """Answers for the `hub` that a subclass names."""

    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(send=False)

    def do_GET(self) -> None:
        self._answer(send=True)

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def _answer(self, *, send: bool) -> None:
        path = self.path.partition("?")[0]
        described, file = self.hub.describe(path), self.hub.file(path)
        status, code = refusal(path)
        if described is not None:
            self._send(200, json.dumps(described).encode(), {}, send=send)
        elif file is not None:
            self._send_file(file, send=send)
        else:
            self._send(status, b"{}", {"X-Error-Code": code}, send=send)

    def _send_file(self, file: Path, *, send: bool) -> None:
        if send:
            self.hub.fetched.append(file.relative_to(self.hub.folder).as_posix())
        content = file.read_bytes()
        tag = f'"{hashlib.sha1(content).hexdigest()}"'
        self._send(200, content, {"ETag": tag, "X-Repo-Commit": COMMIT}, send=send)

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, send: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if send:
            self.wfile.write(body)


def refusal(path: str) -> tuple[int, str]:
    refused = [answer for name, answer in REFUSED.items() if f"/{name}/" in path]
    return refused[0] if refused else (404, "EntryNotFound")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Hub]:
    """An empty model on a running server."""
    served = Hub(folder=tmp_path / "served")
    served.folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Handler,), {"hub": served}))
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def read(tmp_path: Path, served: Hub) -> Run:
    """Read a Hub id in a process of its own, since huggingface_hub reads its settings once."""

    def run(*names: str, **settings: str) -> str:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HF_")},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HF_ENDPOINT": served.url,
            "HF_HOME": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **settings,
        }
        done = subprocess.run(
            [sys.executable, "-c", READ, *(names or [NAME])],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_only_what_is_needed_is_fetched_and_then_found_offline(served: Hub, read: Run) -> None:
    write_sentence_model(served.folder, ("2_Dense", "sentence_transformers.models.Dense"))
    write_dense(served.folder / "2_Dense", 12, 5)
    for name in (
        "pytorch_model.bin",
        "README.md",
        "onnx/model.onnx",
        "checkpoint-9/model.safetensors",
    ):
        path = served.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not needed")
    assert read() == "hub org/tiny 5"
    assert sorted(served.fetched) == [
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "config.json",
        "model.safetensors",
        "modules.json",
        "vocab.txt",
    ]
    assert read(HF_HUB_OFFLINE="1") == "hub org/tiny 5"


def test_pickled_weights_are_fetched_where_there_is_nothing_else(served: Hub, read: Run) -> None:
    tensors = write_checkpoint(served.folder)
    (served.folder / "model.safetensors").unlink()
    torch.save(tensors, served.folder / "pytorch_model.bin")
    assert read() == "hub org/tiny 12"
    assert "pytorch_model.bin" in served.fetched


def test_a_refusal_of_the_hub_says_what_to_do(read: Run) -> None:
    answers = read(*REFUSED).splitlines()
    expected = (
        "CheckpointError: org/unheard-of is neither a folder here nor a model on the Hub",
        "CheckpointError: org/private is neither a folder here nor a model on the Hub; check the "
        "spelling, or, if it is private, log in with `hf auth login` or set HF_TOKEN",
        "CheckpointError: org/gated is gated: accept its terms on its page on the Hub",
    )
    assert len(answers) == len(expected)
    for answer, beginning in zip(answers, expected, strict=True):
        assert answer.startswith(beginning)


def test_an_empty_cache_offline_says_what_to_do(read: Run) -> None:
    answer = read(HF_HUB_OFFLINE="1")
    assert answer.startswith("CheckpointError: org/tiny is not in the cache")
    assert "HF_HUB_OFFLINE" in answer


def test_a_hub_out_of_reach_says_what_to_do(read: Run) -> None:
    assert "the Hub cannot be reached" in read(HF_ENDPOINT="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", True),
        ("BAAI/bge-small-en-v1.5", True),
        ("bert-base-uncased", False),
        ("./org/name", False),
        ("../org", False),
        ("org/../name", False),
        ("org/na..me", False),
        ("/org/name", False),
        ("a/b/c", False),
        ("org/name ", False),
        ("https://huggingface.co/org", False),
    ],
)
def test_hub_ids_are_told_from_paths(source: str, expected: bool) -> None:
    assert hub.is_hub_id(source) is expected
