"""A bundle where there is the runtime and nothing else; run by .ci/runtime-only and .ci/arm64."""

import os
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgebert_runtime import Bundle, errors, load
from edgebert_runtime.verification.self_test import check_all

BUNDLE, VECTORS = (
    os.environ.get("EDGEBERT_DEVICE_BUNDLE"),
    os.environ.get("EDGEBERT_DEVICE_VECTORS"),
)
OLD_ENGINE = os.environ.get("EDGEBERT_OLD_ENGINE")

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(
        BUNDLE is None, reason="runs in .ci/runtime-only and .ci/arm64, which make its bundle"
    ),
]


@pytest.fixture(scope="module")
def reference() -> tuple[list[str], np.ndarray]:
    stored = np.load(Path(VECTORS or ""))
    return [str(text) for text in stored["texts"]], stored["torch"]


def test_the_portable_graph_gives_torchs_vectors(reference: tuple[list[str], np.ndarray]) -> None:
    texts, vectors = reference
    found = load(BUNDLE or "", "portable").embed(texts)
    assert abs(found - vectors).max() < 2e-5


@pytest.mark.skipif(OLD_ENGINE is not None, reason="the fused graph needs a newer engine")
def test_the_fused_graph_does_too(reference: tuple[list[str], np.ndarray]) -> None:
    texts, vectors = reference
    assert abs(load(BUNDLE or "", "cpu").embed(texts) - vectors).max() < 2e-5


def test_int8_holds_its_floor(reference: tuple[list[str], np.ndarray]) -> None:
    """Vectors have length 1."""
    texts, vectors = reference
    found = load(BUNDLE or "", "int8").embed(texts)
    assert (found * vectors).sum(axis=1).min() > 0.98


def test_every_variant_that_runs_here_answers_what_it_did_where_it_was_made() -> None:
    reports = {report.variant: report for report in check_all(BUNDLE or "")}
    for report in reports.values():
        report.require()
    assert reports["portable"].passed
    assert all(report.passed for report in reports.values()) == (OLD_ENGINE is None)


@pytest.mark.skipif(OLD_ENGINE is None, reason="needs an engine too old for the fused graphs")
def test_an_engine_too_old_is_named(reference: tuple[list[str], np.ndarray]) -> None:
    assert onnxruntime.__version__ == OLD_ENGINE
    assert Bundle.open(BUNDLE or "").manifest.variants["portable"].min_onnxruntime == OLD_ENGINE
    with pytest.raises(errors.BundleError, match=r"needs ONNX Runtime 1\.23\.0.*variant='int8'"):
        load(BUNDLE or "", "cpu")
    model = load(BUNDLE or "")
    assert model.info().variant == "int8-portable"
    texts, vectors = reference
    assert (model.embed(texts) * vectors).sum(axis=1).min() > 0.98


def test_no_torch_came_along() -> None:
    assert not {"torch", "transformers", "onnx"} & set(sys.modules)
