"""What many tests share: a tiny encoder, its folder, its bundle, and real weights where present."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

import edgebert
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from examples.minilm import CACHE, LOCATION_VARIABLE
from tests.support.tiny_encoder import build_tiny, save_tiny


@pytest.fixture(scope="session")
def tiny_encoder() -> Encoder:
    return build_tiny()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Encoder) -> Path:
    """A Hugging Face folder of the tiny encoder."""
    return save_tiny(tiny_encoder, tmp_path_factory.mktemp("source") / "tiny")


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Bundle:
    """The tiny encoder exported and quantized; shared, so never write into it."""
    out = tmp_path_factory.mktemp("bundle") / "tiny"
    return edgebert.quantize(edgebert.export(tiny_folder, out), force=True, keep_default=True)


@pytest.fixture
def bundle(tmp_path: Path, tiny_bundle: Bundle) -> Bundle:
    """A copy of the tiny bundle that a test may damage."""
    return Bundle.open(shutil.copytree(tiny_bundle.folder, tmp_path / "copy"))


@pytest.fixture(scope="session")
def minilm() -> Path:
    """all-MiniLM-L6-v2 with its real weights."""
    folder = Path(os.environ.get(LOCATION_VARIABLE) or CACHE / "minilm")
    if not folder.exists():
        message = "real weights are missing; get them with: python -m examples.minilm"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def minilm_bundle(tmp_path_factory: pytest.TempPathFactory, minilm: Path) -> Bundle:
    """MiniLM exported and quantized, once for all processes of a run: it takes a minute."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, made = shared / "minilm", shared / "minilm.made"
    with (shared / "minilm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            edgebert.quantize(edgebert.export(minilm, folder), force=True, keep_default=True)
            made.touch()
    return Bundle.open(folder)
