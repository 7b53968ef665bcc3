"""Every family on every target: fused as its architecture says, and equal to torch."""

from collections import Counter
from pathlib import Path

import pytest

from edgebert.model.config import Disentangled
from edgebert.model.sentence import SentenceEmbedder
from edgebert.profiling.layers import regions_of
from edgebert_export.graph.build import build, write_graphs
from edgebert_export.graph.trace import trace
from edgebert_export.spec import ExportSpec
from edgebert_export.targets import DEFAULT_TARGETS, TARGETS
from edgebert_export.verification.parity import check_parity
from tests.support.families import SAMPLES
from tests.support.made_once import MadeOnce
from tests.support.optimized_graph import as_run
from tests.support.torch_transformer import TextBook, random_text_book
from tests.support.traced_families import Traced, traced_family


@pytest.fixture(scope="module", params=SAMPLES)
def traced(request: pytest.FixtureRequest, made_once: MadeOnce) -> Traced:
    return traced_family(request.param, made_once)


@pytest.mark.parametrize("target", DEFAULT_TARGETS)
def test_a_family_is_fused_equal_to_torch_and_of_known_layers(
    traced: Traced, target: str, tmp_path: Path
) -> None:
    chosen = TARGETS[target]
    built = traced.built(target)
    write_graphs([built], tmp_path)
    config = traced.module.encoder.config
    assert built.fusions["attention"] == (config.layers if chosen.fused_attention else 0)
    distances = isinstance(config.relative, Disentangled) and config.relative.normalized
    assert built.fusions["layer_norm"] == 7 + distances
    check_parity(tmp_path / chosen.file, traced.module, traced.spec).require()
    if target in ("cpu", "portable"):  # those that a CPU is asked to profile
        each_layer_is_found(tmp_path / chosen.file, config.layers)


def each_layer_is_found(graph: Path, layers: int) -> None:
    """In the graph as ONNX Runtime runs it."""
    regions = regions_of(as_run(graph, graph.parent), "pooling")
    found = Counter(regions.values())
    names = [f"layer {number + 1}" for number in range(layers)]
    assert set(found) == {"embeddings", "shared", "pooling", *names}
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


def test_a_shared_layer_is_stored_once(made_once: MadeOnce, tmp_path: Path) -> None:
    albert = traced_family("albert", made_once)
    weights = 4 * sum(parameter.numel() for parameter in albert.module.parameters())
    for target in DEFAULT_TARGETS:
        assert albert.written(target, tmp_path).stat().st_size < 1.2 * weights
