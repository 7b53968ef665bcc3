"""Attention maps of every family, from torch and from a graph, are those of transformers."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx_ir as ir
import pytest
import torch
from numpy.typing import NDArray

from edgebert.model.recording import recorded_attention
from edgebert_export.graph.attention_outputs import add_attention_outputs
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ExportError
from edgebert_runtime.inference.attention_maps import map_outputs
from tests.support.families import POSITIONS, SAMPLES, VOCABULARY, build
from tests.support.made_once import MadeOnce
from tests.support.small_graphs import model_of
from tests.support.traced_families import Traced, traced_family

TOLERANCE: Final = 1e-5
"""Weights are shares of 1; the largest difference in nineteen samples was 1.1e-6."""


@pytest.fixture(scope="module", params=SAMPLES)
def traced(request: pytest.FixtureRequest, made_once: MadeOnce) -> Traced:
    return traced_family(request.param, made_once)


def batch(traced: Traced) -> dict[str, torch.Tensor]:
    """All positions: a full text, one with padding, one with dropped tokens in between."""
    torch.manual_seed(3)
    mask = torch.ones((3, POSITIONS), dtype=torch.int64)
    mask[1, POSITIONS // 3 :] = 0
    mask[2, torch.randperm(POSITIONS)[: POSITIONS // 2]] = 0
    ids = torch.randint(0, VOCABULARY, mask.shape)
    feeds = {"input_ids": ids, "attention_mask": mask}
    if traced.spec.token_types:
        feeds["token_type_ids"] = torch.randint(0, traced.spec.token_types, mask.shape)
    return feeds


def of_transformers(family: str, feeds: dict[str, torch.Tensor]) -> list[Any]:
    with torch.no_grad():
        found = build(SAMPLES[family])(**feeds, output_attentions=True)
    return [each.numpy() for each in found.attentions]


def of_torch(traced: Traced, feeds: dict[str, torch.Tensor]) -> list[Any]:
    with torch.no_grad(), recorded_attention(traced.module) as maps:
        traced.module(*feeds.values())
    return [each.numpy() for each in maps]


def of_graph(traced: Traced, feeds: dict[str, torch.Tensor], folder: Path) -> list[Any]:
    model = ir.load(traced.written("portable", folder))
    add_attention_outputs(model, traced.spec.layers, traced.spec.heads)
    ir.save(model, folder / "attention.onnx")
    session = Session(folder / "attention.onnx", provider="cpu")
    given = {name: feeds[name].numpy() for name in session.inputs}
    return session.run(map_outputs(session.outputs), given)


def require_shares(maps: NDArray[np.float32], keep: NDArray[np.bool_]) -> None:
    """Weights of a kept token sum to 1 over kept tokens, and nothing goes to others."""
    for text, kept in zip(maps, keep, strict=True):
        assert np.abs(text[:, kept].sum(axis=-1) - 1).max() < TOLERANCE
        assert (text[:, kept][:, :, ~kept] == 0).all()
        assert (text >= 0).all()


def test_maps_of_a_family_are_those_of_transformers(traced: Traced, tmp_path: Path) -> None:
    feeds = batch(traced)
    keep = feeds["attention_mask"].numpy() > 0
    expected = of_transformers(traced.family, feeds)
    assert len(expected) == traced.spec.layers
    for found in (of_torch(traced, feeds), of_graph(traced, feeds, tmp_path)):
        assert len(found) == len(expected)
        for maps, theirs in zip(found, expected, strict=True):
            assert maps.shape == theirs.shape == (3, traced.spec.heads, POSITIONS, POSITIONS)
            off = np.abs(maps - theirs).transpose(0, 2, 1, 3)[keep]
            assert off.max() < TOLERANCE
            require_shares(maps, keep)
    assert max(maps.max() for maps in expected) > 0.2  # not all alike, so that a mix-up shows


GRAPH: Final = """
<ir_version: 9, opset_import: ["": 20]>
g (float[2, 3, 4, 4] scores, float[2, 3, 4, 4] values) => (float[2, 3, 4, 4] y) {{
    weights = Softmax<axis = {axis}>({scores})
    y = {used}
}}
"""
ATTENTION: Final = {"axis": "-1", "scores": "scores", "used": "MatMul(weights, values)"}


def test_a_softmax_over_keys_before_values_is_attention() -> None:
    for axis in ("-1", "3"):
        model = model_of(GRAPH.format(**{**ATTENTION, "axis": axis}))
        add_attention_outputs(model, 1, 3)
        assert [each.name for each in model.graph.outputs] == ["y", "attention.0"]


@pytest.mark.parametrize(
    "near_miss",
    [
        {"axis": "2"},
        {"used": "MatMul(values, weights)"},
        {"used": "Mul(weights, values)"},
        {"used": "Identity(weights)"},
    ],
    ids=str,
)
def test_near_misses_are_no_attention(near_miss: dict[str, str]) -> None:
    model = model_of(GRAPH.format(**{**ATTENTION, **near_miss}))
    for layers in (1, None):
        with pytest.raises(ExportError, match=r"has 0 softmaxes over keys, expected (1|one)"):
            add_attention_outputs(model, layers, 3)


def test_a_graph_of_another_number_of_layers_is_refused() -> None:
    with pytest.raises(ExportError, match="has 1 softmaxes over keys, expected 2 for"):
        add_attention_outputs(model_of(GRAPH.format(**ATTENTION)), 2, 3)
