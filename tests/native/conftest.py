"""Without edgebert-native, or without kernels for this CPU, test_installed.py alone says so."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import edgebert
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from edgebert_runtime.engine.native import SWITCH
from tests.support.native.installed import why_not
from tests.support.tiny_encoder import TINY, save_tiny

collect_ignore_glob = [] if not why_not() else ["test_[!i]*.py"]


@pytest.fixture(scope="session", autouse=True)
def switched_on() -> Iterator[None]:
    """Everywhere else the library is switched off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, "1")
        yield


@pytest.fixture(scope="session")
def native_bundle(tmp_path_factory: pytest.TempPathFactory, switched_on: None) -> Bundle:
    """A tiny encoder with a variant for the library; shared, so never write into it."""
    del switched_on
    folder = tmp_path_factory.mktemp("native")
    torch.manual_seed(0)
    encoder = Encoder(replace(TINY, hidden=64, intermediate=128)).eval()
    bundle = edgebert.export(save_tiny(encoder, folder / "tiny"), Path(folder / "bundle"))
    return edgebert.quantize(bundle, force=True)
