"""What many tests share: a tiny encoder, its folder, its bundle, and real weights where present."""

import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

import edgebert
from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.state_dict import config_to_hf, state_to_hf
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from examples.minilm import CACHE, LOCATION_VARIABLE

WORDS = "the a an of to is in it small cat dog sat on mat and ran far over red blue un ##able ##s ."
SPECIALS = "[PAD] [UNK] [CLS] [SEP] [MASK]"

TINY = EncoderConfig(
    vocabulary=len(f"{SPECIALS} {WORDS}".split()),
    hidden=48,
    layers=2,
    heads=4,
    intermediate=56,
    positions=40,
    token_types=2,
    activation=Activation.GELU,
    layer_norm_epsilon=1e-12,
    padding_id=0,
    hidden_dropout=0.1,
    attention_dropout=0.1,
    initializer_range=0.3,
    pooler=True,
)

TEXTS = ["the small cat sat on the mat .", "a dog", "", "it ran far over the red unable dogs " * 3]


@pytest.fixture(scope="session")
def tiny_encoder() -> Encoder:
    """Every parameter random: equal biases would be stored once and hide a mix-up."""
    torch.manual_seed(0)
    encoder = Encoder(TINY).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return encoder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Encoder) -> Path:
    """A Hugging Face folder of a random BERT, with only a vocab.txt for a tokenizer."""
    folder = tmp_path_factory.mktemp("source") / "tiny"
    folder.mkdir()
    config = json.dumps(config_to_hf(BERT, TINY))
    (folder / "config.json").write_text(config, encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(f"{SPECIALS} {WORDS}".split()), encoding="utf-8")
    state = state_to_hf(BERT, tiny_encoder.state_dict(), TINY)
    safetensors.torch.save_file(state, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Bundle:
    """The tiny encoder exported and quantized; shared, so never write into it."""
    out = tmp_path_factory.mktemp("bundle") / "tiny"
    return edgebert.quantize(edgebert.export(tiny_folder, out), force=True)


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
            edgebert.quantize(edgebert.export(minilm, folder), force=True)
            made.touch()
    return Bundle.open(folder)
