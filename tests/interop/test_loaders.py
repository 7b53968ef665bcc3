"""Other people's loaders open our bundle and give our vectors; run by .ci/interop."""

import os
from pathlib import Path

import numpy as np
import pytest
from optimum.onnxruntime import ORTModelForFeatureExtraction
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer

from tests.support.interop_rows import agree

BUNDLE = Path(os.environ["EDGEBERT_BUNDLE"])
VECTORS = np.load(os.environ["EDGEBERT_VECTORS"])
TEXTS = [str(text) for text in VECTORS["texts"]]
FILES = {"portable": "model.onnx", "int8": "model_quantized.onnx"}
NAMES = {"portable": "fp32", "int8": "int8"}
"""Variant → what docs/interop.md calls its file."""

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("variant", FILES)
def test_sentence_transformers_gives_our_vectors(variant: str) -> None:
    model = SentenceTransformer(
        str(BUNDLE), backend="onnx", model_kwargs={"file_name": f"onnx/{FILES[variant]}"}
    )
    found = np.concatenate([model.encode([text]) for text in TEXTS])
    agree("sentence-transformers", "embed", NAMES[variant], found, VECTORS[variant])


def test_sentence_transformers_finds_the_model_by_itself() -> None:
    model = SentenceTransformer(str(BUNDLE), backend="onnx")
    found = np.concatenate([model.encode([text]) for text in TEXTS])
    agree("sentence-transformers", "embed", "fp32", found, VECTORS["portable"])


@pytest.mark.parametrize("variant", FILES)
def test_optimum_gives_our_vectors(variant: str) -> None:
    model = ORTModelForFeatureExtraction.from_pretrained(
        str(BUNDLE), subfolder="onnx", file_name=FILES[variant]
    )
    tokenizer = AutoTokenizer.from_pretrained(str(BUNDLE))
    for text, ours in zip(TEXTS, VECTORS[variant], strict=True):
        inputs = tokenizer([text], truncation=True, return_tensors="np")
        hidden = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None]
        pooled = (hidden * mask).sum(axis=1) / mask.sum(axis=1)
        found = pooled[0] / np.linalg.norm(pooled[0])
        agree("optimum-onnx", "embed", NAMES[variant], found, ours)
