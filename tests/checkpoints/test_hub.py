"""Downloads, from a server on this machine that answers as the Hub does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import torch

from tests.support.hub_server import Hub, Repository, run_python, serving
from tests.support.small_checkpoints import write_checkpoint, write_dense, write_sentence_model

NAME: Final = "org/tiny"

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


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as running:
        running.repositories |= {
            name: Repository(refusal=answer) for name, answer in REFUSED.items()
        }
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for the files of the model."""
    path = tmp_path / "served"
    path.mkdir()
    return path


@pytest.fixture
def read(tmp_path: Path, hub: Hub) -> Run:
    """Read Hub ids in a process of its own, which prints a line for each."""

    def run(*names: str, **settings: str) -> str:
        done = run_python(READ, *(names or [NAME]), hub=hub, home=tmp_path / "home", **settings)
        assert done.returncode == 0, done.stderr
        assert "No files matched" not in done.stderr
        return done.stdout.strip()

    return run


def test_only_what_is_needed_is_fetched_and_then_found_offline(
    hub: Hub, folder: Path, read: Run
) -> None:
    write_sentence_model(folder, ("2_Dense", "sentence_transformers.models.Dense"))
    write_dense(folder / "2_Dense", 12, 5)
    for name in (
        "pytorch_model.bin",
        "README.md",
        "onnx/model.onnx",
        "checkpoint-9/model.safetensors",
    ):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not needed")
    commit = hub.publish(NAME, folder)
    assert read() == "hub org/tiny 5"
    assert sorted(hub.fetched()) == [
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "config.json",
        "model.safetensors",
        "modules.json",
        "vocab.txt",
    ]
    names = (NAME, f"{NAME}@{commit}")
    expected = f"hub org/tiny 5\nhub org/tiny@{commit} 5"
    assert read(*names, HF_HUB_OFFLINE="1") == expected


def test_pickled_weights_are_fetched_where_there_is_nothing_else(
    hub: Hub, folder: Path, read: Run
) -> None:
    tensors = write_checkpoint(folder)
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    hub.publish(NAME, folder)
    assert read() == "hub org/tiny 12"
    assert "pytorch_model.bin" in hub.fetched()


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
