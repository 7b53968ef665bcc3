"""Every family on every target: fused as its architecture says, and equal to torch."""

from collections import Counter
from pathlib import Path

import onnx_ir as ir
import pytest

from edgebert.model.config import Disentangled
from edgebert.model.sentence import SentenceEmbedder
from edgebert.profiling.layers import regions_of
from edgebert_export.graph.build import build, write_graphs
from edgebert_export.graph.trace import trace
from edgebert_export.spec import ExportSpec
from edgebert_export.targets import DEFAULT_TARGETS, TARGETS
from edgebert_export.verification.parity import check_parity
from tests.support.export_specs import spec_of
from tests.support.families import SAMPLES, ours
from tests.support.families import build as build_theirs
from tests.support.optimized_graph import as_run
from tests.support.torch_transformer import TextBook, random_text_book


@pytest.fixture(scope="module", params=SAMPLES)
def traced(request: pytest.FixtureRequest) -> tuple[SentenceEmbedder, ExportSpec, ir.Model]:
    encoder = ours(build_theirs(SAMPLES[request.param]))
    spec = spec_of(encoder)
    module = SentenceEmbedder(encoder, spec.steps, {}).eval()
    return module, spec, trace(module, spec)


@pytest.mark.parametrize("target", DEFAULT_TARGETS)
def test_a_family_is_fused_and_equal_to_torch(
    traced: tuple[SentenceEmbedder, ExportSpec, ir.Model], target: str, tmp_path: Path
) -> None:
    module, spec, canonical = traced
    chosen = TARGETS[target]
    built = build(canonical, chosen, spec, chosen.min_onnxruntime)
    write_graphs([built], tmp_path)
    config = module.encoder.config
    assert built.fusions["attention"] == (config.layers if chosen.fused_attention else 0)
    distances = isinstance(config.relative, Disentangled) and config.relative.normalized
    assert built.fusions["layer_norm"] == 7 + distances
    check_parity(tmp_path / chosen.file, module, spec).require()


@pytest.mark.parametrize("target", ["cpu", "portable"])
def test_each_layer_is_found_in_the_graph_as_it_runs(
    traced: tuple[SentenceEmbedder, ExportSpec, ir.Model], target: str, tmp_path: Path
) -> None:
    module, spec, canonical = traced
    chosen = TARGETS[target]
    write_graphs([build(canonical, chosen, spec, chosen.min_onnxruntime)], tmp_path)
    regions = regions_of(as_run(tmp_path / chosen.file, tmp_path), "pooling")
    layers = [f"layer {number + 1}" for number in range(module.encoder.config.layers)]
    found = Counter(regions.values())
    assert set(found) == {"embeddings", "shared", "pooling", *layers}
    assert found["layer 2"] == found["layer 3"] > 10
    assert abs(found["layer 1"] - found["layer 2"]) <= 1  # ModernBERT's has a mask of its own


def test_torchs_own_transformer_is_fused_and_equal_to_torch(tmp_path: Path) -> None:
    model: TextBook = random_text_book(activation="gelu")
    spec = ExportSpec(vocabulary=1003, hidden=30, max_positions=70, layers=3, promises={"gelu": 3})
    module = SentenceEmbedder(model, spec.steps, {}).eval()
    canonical = trace(module, spec)
    for target in (TARGETS[name] for name in DEFAULT_TARGETS):
        built = build(canonical, target, spec, target.min_onnxruntime)
        write_graphs([built], tmp_path)
        check_parity(tmp_path / target.file, module, spec).require()


def test_a_shared_layer_is_stored_once(tmp_path: Path) -> None:
    encoder = ours(build_theirs(SAMPLES["albert"]))
    spec = spec_of(encoder)
    canonical = trace(SentenceEmbedder(encoder, spec.steps, {}).eval(), spec)
    for target in (TARGETS[name] for name in DEFAULT_TARGETS):
        built = build(canonical, target, spec, target.min_onnxruntime)
        write_graphs([built], tmp_path)
        weights = 4 * sum(parameter.numel() for parameter in encoder.parameters())
        assert (tmp_path / target.file).stat().st_size < 1.2 * weights
