"""Without edgebert-native, or without kernels for this CPU, test_installed.py alone says so."""

from dataclasses import replace

import pytest
import torch

import edgebert
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from edgebert_runtime.engine.native import SWITCH
from tests.support.native.installed import why_not
from tests.support.tiny_encoder import TINY, save_tiny

collect_ignore_glob = [] if not why_not() else ["test_[!i]*.py"]


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everywhere else the library is switched off."""
    monkeypatch.setenv(SWITCH, "1")


@pytest.fixture(scope="session")
def native_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny encoder with a variant for the library; shared, so never write into it."""
    folder = tmp_path_factory.mktemp("native")
    torch.manual_seed(0)
    encoder = Encoder(replace(TINY, hidden=64, intermediate=128)).eval()
    bundle = edgebert.export(save_tiny(encoder, folder / "tiny"), folder / "bundle")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, "1")
        return edgebert.quantize(bundle, force=True)
