"""Fixtures of the checkpoint tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of sentence-transformers/all-MiniLM-L6-v2, real weights."""
    folder = os.environ.get("EDGEBERT_MINILM")
    if folder:
        return Path(folder)
    reason = (
        "set EDGEBERT_MINILM to a copy of all-MiniLM-L6-v2: "
        "hf download sentence-transformers/all-MiniLM-L6-v2 --local-dir minilm"
    )
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
