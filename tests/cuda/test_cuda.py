"""On a GPU: every family in every precision, and what the runtime does there.

Usage, in an environment with `edgebert-runtime[gpu]`: python -m pytest -m cuda tests/cuda
"""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import edgebert
from edgebert.workflow.sources import open_source
from edgebert_export import check_parity
from edgebert_export.targets import TARGETS
from edgebert_export.verification.cases import parity_cases
from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import (
    ProviderUnavailableError,
    SmallerBatchWarning,
    UnverifiedWarning,
)
from tests.support.engine_sessions import noted_sessions, operators_elsewhere
from tests.support.families import SAMPLES, build, save
from tests.support.tiny_encoder import TEXTS

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.filterwarnings("ignore::edgebert_runtime.errors.UnverifiedWarning"),
]

COSINE, WORST = 0.9999, 5e-3
"""What fp16 keeps of torch's vectors once they have length 1: a cosine, and every number."""

ON_THE_CPU = {"Concat", "Gather", "Shape", "Slice", "Squeeze", "Unsqueeze"}
"""Operators that may run there, on shapes."""


@pytest.fixture(scope="module", params=["bert", "roberta", "albert", "nomic-bert", "mpnet"])
def family(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Bundle]:
    folder = tmp_path_factory.mktemp(request.param)
    source = save(build(SAMPLES[request.param]), folder / "source")
    bundle = edgebert.export(source, folder / "bundle", target="cuda")
    return source, edgebert.quantize(bundle, "bf16", keep_default=True)


def variant_of(bundle: Bundle, name: str) -> Variant:
    """A variant; only MPNet's distances keep its graph from being without padding."""
    if "packed" in name and bundle.manifest.source["model_type"] == "mpnet":
        pytest.skip("padding cannot be taken out of this family's graph")
    return bundle.manifest.variants[name]


def unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


@pytest.mark.parametrize("name", ["portable", "cuda", "cuda-packed"])
def test_fp32_is_torchs(family: tuple[Path, Bundle], name: str) -> None:
    source, bundle = family
    opened, variant = open_source(source), variant_of(bundle, name)
    report = check_parity(
        bundle.path_of(variant.file),
        opened.module,
        opened.spec,
        provider="cuda",
        unpadded=TARGETS[variant.target].unpadded,
    )
    report.require()


@pytest.mark.parametrize(
    ("name", "cosine", "worst"),
    [
        ("fp16", COSINE, WORST),
        ("fp16-packed", COSINE, WORST),
        ("bf16", 0.999, 0.05),
    ],
)
def test_half_precision_is_near_torch(
    family: tuple[Path, Bundle], name: str, cosine: float, worst: float
) -> None:
    """For every mask and length; nothing is NaN, not even of a row without tokens."""
    source, bundle = family
    opened = open_source(source)
    session = Session(bundle.path_of(variant_of(bundle, name).file), provider="cuda")
    for case in parity_cases(opened.spec):
        mask = case.feeds["attention_mask"] > 0
        feeds = {name: case.feeds[name] for name in session.inputs}
        found = session.run(["last_hidden_state", "sentence_embedding"], feeds)
        assert all(np.isfinite(array).all() for array in found), case.name
        with torch.no_grad():
            inputs = (torch.from_numpy(array) for array in case.feeds.values())
            exact = [output.numpy() for output in opened.module(*inputs)]
        some = mask.any(axis=1)
        for ours, theirs in (
            (found[0][mask], exact[0][mask]),
            (found[1][some], exact[1][some]),
        ):
            ours, theirs = unit(ours), unit(theirs)
            assert (ours * theirs).sum(axis=-1).min() >= cosine, case.name
            assert np.abs(ours - theirs).max() <= worst, case.name


@pytest.mark.parametrize("name", ["cuda", "cuda-packed", "fp16", "fp16-packed", "bf16"])
def test_all_but_arithmetic_on_shapes_runs_on_the_gpu(
    family: tuple[Path, Bundle], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bundle = family
    opened = noted_sessions(monkeypatch)
    Session(bundle.path_of(variant_of(bundle, name).file), provider="cuda")
    (session,) = opened
    assert operators_elsewhere(session, "CUDAExecutionProvider") <= ON_THE_CPU


def test_auto_is_the_fast_path_and_verifying_takes_the_warning_away(
    family: tuple[Path, Bundle],
) -> None:
    source, bundle = family
    packed = bundle.manifest.source["model_type"] != "mpnet"
    model = load(bundle, provider="cuda")
    assert model.info().variant == ("fp16-packed" if packed else "fp16")
    assert edgebert.verify(bundle, against=source).passed
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnverifiedWarning)
        load(bundle, provider="cuda")


def test_texts_of_all_lengths_give_the_vectors_of_the_cpu(minilm_cuda: Bundle) -> None:
    texts = [" ".join(["a cat on the mat"] * length) for length in (1, 7, 30, 2, 45)] + TEXTS
    expected = load(minilm_cuda, "portable").embed(texts)
    for options in ({}, {"enable_cuda_graph": 1}):
        model = load(minilm_cuda, provider="cuda", provider_options=options)
        for _ in range(3):  # captured, then replayed
            found = model.embed(texts)
            assert np.abs(unit(found) - unit(expected)).max() <= WORST


def test_vectors_stay_on_the_gpu(minilm_cuda: Bundle) -> None:
    model = load(minilm_cuda, provider="cuda")
    tensor = torch.from_dlpack(model.embed_on_device(TEXTS))
    assert tensor.device.type == "cuda"
    np.testing.assert_allclose(tensor.cpu().numpy(), model.embed(TEXTS), atol=WORST)


def test_what_does_not_fit_runs_in_halves(
    minilm_cuda: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = replace(PROVIDERS["cuda"], micro_batch_tokens=2**20)
    monkeypatch.setitem(PROVIDERS, "cuda", larger)
    options: dict[str, Any] = {"gpu_mem_limit": 256 * 2**20}
    model = load(minilm_cuda, "fp16", provider="cuda", provider_options=options)
    texts = ["a cat on the mat looks at the dog " * 12] * 4096
    with pytest.warns(SmallerBatchWarning, match="does not fit into memory"):
        found = model.embed(texts)
    np.testing.assert_allclose(found, np.tile(found[:1], (len(texts), 1)), atol=WORST)


def test_two_models_share_a_card(minilm_cuda: Bundle) -> None:
    options: dict[str, Any] = {"gpu_mem_limit": 2**30, "arena_extend_strategy": "kSameAsRequested"}
    models = [load(minilm_cuda, provider="cuda", provider_options=options) for _ in range(2)]
    first, second = (model.embed(TEXTS) for model in models)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_device_that_is_not_there_is_named(minilm_cuda: Bundle) -> None:
    with pytest.raises(ProviderUnavailableError, match="device_id=99"):
        load(minilm_cuda, provider="cuda", provider_options={"device_id": 99})


@pytest.fixture(scope="module")
def minilm_cuda(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return edgebert.export(minilm, tmp_path_factory.mktemp("cuda") / "b", target="cuda")
