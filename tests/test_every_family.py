"""Every family from the folder transformers saves to the answers of the torch-free runtime."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

import edgebert
from edgebert_runtime import Bundle, load
from tests.support.families import NAMES, SAMPLES, build
from tests.support.tokenizers import TEXTS, save_tokenizer

UNLIKE_BERT = ("albert", "deberta-v3", "modernbert")
"""Shared weights, distances and gates."""


@pytest.fixture(scope="module", params=NAMES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("source") / request.param
    model: Any = build(SAMPLES[request.param])
    model.save_pretrained(path)
    save_tokenizer(model.config.model_type, path)
    return path


@pytest.fixture(scope="module")
def exported(folder: Path) -> Bundle:
    return edgebert.export(folder, folder.with_name("bundle"))


def their_vectors(folder: Path, texts: list[str]) -> np.ndarray:
    """Mean over the tokens of each text alone, by transformers."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    vectors = []
    for text in texts:
        encoded = tokenizer(text, return_tensors="pt", truncation=True, max_length=80)
        with torch.no_grad():
            vectors.append(model(**encoded).last_hidden_state.mean(dim=1).numpy())
    return np.concatenate(vectors)


def test_the_runtime_gives_the_vectors_of_transformers(folder: Path, exported: Bundle) -> None:
    assert exported.manifest.variants["cpu"].fusions["attention"] == 3
    model = load(exported)
    expected = their_vectors(folder, TEXTS)
    np.testing.assert_allclose(model.embed(TEXTS), expected, atol=2e-5, rtol=0)
    assert edgebert.verify(exported, against=folder).passed


@pytest.mark.parametrize("folder", UNLIKE_BERT, indirect=True)
def test_int8_stays_near_and_small(exported: Bundle, tmp_path: Path) -> None:
    copy = shutil.copytree(exported.folder, tmp_path / "bundle")
    bundle = edgebert.quantize(copy, force=True)
    variants = bundle.manifest.variants
    quality = variants["int8-cpu"].way.quality
    assert quality is not None
    assert quality["mean"] > 0.999
    assert bundle.size_bytes(variants["int8-portable"]) < 0.8 * bundle.size_bytes(
        variants["portable"]
    )
