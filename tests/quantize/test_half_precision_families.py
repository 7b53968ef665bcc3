"""fp16 of the graph for CUDA in every family: near torch, and finite whatever is masked."""

from pathlib import Path

import numpy as np
import pytest
import torch

from edgebert_export.verification.cases import parity_cases
from edgebert_quantize.recipes import RECIPES
from edgebert_quantize.rewrite.rewrite import write_half
from edgebert_runtime.engine.session import Session
from tests.support.families import SAMPLES
from tests.support.made_once import MadeOnce
from tests.support.traced_families import traced_family

COSINE, WORST = 0.9999, 5e-3
"""What fp16 keeps of vectors once they have length 1: a cosine, and every number."""


@pytest.mark.parametrize("family", SAMPLES)
def test_a_family_in_fp16_is_near_torch(family: str, made_once: MadeOnce, tmp_path: Path) -> None:
    """By the emulation, which rounds wherever a GPU would store a half."""
    traced, recipe = traced_family(family, made_once), RECIPES["fp16"].half
    assert recipe is not None
    graph = traced.written("cuda", tmp_path)
    write_half(graph, tmp_path / "emulated.onnx", recipe, emulated=True)
    session = Session(tmp_path / "emulated.onnx", provider="cpu")
    for case in parity_cases(traced.spec):
        feeds = {name: case.feeds[name] for name in session.inputs}
        (found,) = session.run(["sentence_embedding"], feeds)
        with torch.no_grad():
            inputs = (torch.from_numpy(array) for array in case.feeds.values())
            exact = traced.module(*inputs)[1].numpy()
        assert np.isfinite(found).all(), case.name
        some = case.feeds["attention_mask"].any(axis=1)
        one, other = unit(found[some]), unit(exact[some])
        assert (one * other).sum(axis=1).min() >= COSINE, case.name
        assert np.abs(one - other).max() <= WORST, case.name


def unit(vectors: np.ndarray) -> np.ndarray:
    """Of length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
