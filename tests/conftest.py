"""What many tests share: a tiny encoder, its folder, its bundle, and real weights where present.

Torch has one thread, in processes that tests start, too: workers of pytest have a core each, and
the threads of all of them would wait for one another. Only tests/native runs edgebert-native, so
that all others see the same variants whether it is installed or not.
"""

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

import edgebert
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from examples.minilm import CACHE, LOCATION_VARIABLE
from tests.support.made_once import MadeOnce, maker
from tests.support.tiny_encoder import build_tiny, save_tiny

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("EDGEBERT_NATIVE", "0")
torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First the files that start many processes: the last of them would keep one worker alone."""
    folder = Path(__file__).parent
    items.sort(key=lambda item: item.path.parent != folder)


def pytest_collection_finish() -> None:
    """Leave the imported modules out of each search for garbage: they live to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Makes a folder the first time that a worker asks for its name; never write into it."""
    return maker(tmp_path_factory)


@pytest.fixture(scope="session")
def tiny_encoder() -> Encoder:
    return build_tiny()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Encoder) -> Path:
    """A Hugging Face folder of the tiny encoder."""
    return save_tiny(tiny_encoder, tmp_path_factory.mktemp("source") / "tiny")


@pytest.fixture(scope="session")
def tiny_exported(made_once: MadeOnce, tiny_folder: Path) -> Bundle:
    """The tiny encoder exported; shared, so never write into it."""
    return Bundle.open(made_once("tiny-exported", partial(edgebert.export, tiny_folder)))


@pytest.fixture(scope="session")
def tiny_cuda(made_once: MadeOnce, tiny_folder: Path) -> Bundle:
    """The tiny encoder exported for CUDA in float32; shared, so never write into it."""
    make = partial(edgebert.export, tiny_folder, target="cuda", precision="fp32")
    return Bundle.open(made_once("tiny-cuda", make))


@pytest.fixture(scope="session")
def tiny_bundle(made_once: MadeOnce, tiny_exported: Bundle) -> Bundle:
    """The tiny encoder exported and quantized; shared, so never write into it."""

    def make(out: Path) -> None:
        edgebert.quantize(shutil.copytree(tiny_exported.folder, out), force=True, keep_default=True)

    return Bundle.open(made_once("tiny", make))


@pytest.fixture
def bundle(tmp_path: Path, tiny_bundle: Bundle) -> Bundle:
    """A copy of the tiny bundle that a test may damage."""
    return Bundle.open(shutil.copytree(tiny_bundle.folder, tmp_path / "copy"))


@pytest.fixture
def fp32_bundle(tmp_path: Path, tiny_exported: Bundle) -> Bundle:
    """A copy of the tiny bundle before it was quantized, for a test to write into."""
    return Bundle.open(shutil.copytree(tiny_exported.folder, tmp_path / "fp32"))


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
def minilm_bundle(made_once: MadeOnce, minilm: Path) -> Bundle:
    """MiniLM exported and quantized, which takes a minute; shared, so never write into it."""

    def make(out: Path) -> None:
        edgebert.quantize(edgebert.export(minilm, out), force=True, keep_default=True)

    return Bundle.open(made_once("minilm", make))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C works here and in child processes, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
