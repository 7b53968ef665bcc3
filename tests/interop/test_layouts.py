"""sentence-transformers gives for a folder what our bundle of it gives; run by .ci/interop."""

import os
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import CrossEncoder, SentenceTransformer

FOLDER = Path(os.environ["EDGEBERT_LAYOUTS"])
NAMES = sorted(path.name for path in FOLDER.iterdir())
TOLERANCE = 2e-5

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("name", NAMES)
def test_sentence_transformers_gives_our_answers(name: str) -> None:
    stored = np.load(FOLDER / name / "expected.npz")
    source = str(FOLDER / name / "source")
    if "pairs" in stored:
        pairs = [(str(query), str(text)) for query, text in stored["pairs"]]
        found, expected = CrossEncoder(source).predict(pairs), stored["scores"]
    else:
        texts = [str(text) for text in stored["texts"]]
        found, expected = SentenceTransformer(source).encode(texts), stored["vectors"]
    assert found.shape == expected.shape
    assert abs(found - expected).max() <= TOLERANCE
