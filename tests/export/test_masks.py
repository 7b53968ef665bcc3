"""Masks of every form the Attention operator's specification allows."""

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgebert_export.fusions import BroadcastMask, ExpandAttention, apply
from tests.support.small_graphs import operators, run_unoptimized

ATTENTION = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,3,S,4] q, float[B,3,S,4] k, float[B,3,S,4] v, {mask} m) => (float[B,3,S,4] y) {{
  y = Attention {attributes} (q, k, v, m)
}}
"""
SEQUENCE = 5


def attention_graph(mask: str, attributes: str = "") -> ir.Model:
    proto = onnx.parser.parse_model(ATTENTION.format(mask=mask, attributes=attributes))
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto))


def random_feeds(mask: np.ndarray) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shape = (2, 3, SEQUENCE, 4)
    arrays = {name: random.standard_normal(shape).astype(np.float32) for name in "qkv"}
    return {**arrays, "m": mask}


def attend(feeds: dict[str, np.ndarray], scale: float) -> np.ndarray:
    """Vaswani et al. 2017, equation 1, in float64."""
    query, key, value = (feeds[name].astype(np.float64) for name in "qkv")
    mask = feeds["m"]
    scores = query @ key.swapaxes(-1, -2) * scale
    scores = (
        np.where(mask, scores, -1e30) if mask.dtype == bool else scores + np.maximum(mask, -1e30)
    )
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) @ value


def holes(rows: int) -> np.ndarray:
    keep = np.ones((2, 1, rows, SEQUENCE), dtype=bool)
    keep[1, ..., 2:4] = False
    return keep


@pytest.mark.parametrize("kind", ["bool", "float"])
@pytest.mark.parametrize("rows", [1, SEQUENCE])
@pytest.mark.parametrize("attributes", ["", "<scale = 0.37>"])
def test_expansion_computes_the_definition(kind: str, rows: int, attributes: str) -> None:
    keep = holes(rows)
    mask = keep if kind == "bool" else np.where(keep, 0.7, -np.inf).astype(np.float32)
    model = attention_graph(f"{kind}[B,1,{'1' if rows == 1 else 'S'},S]", attributes)
    assert apply(model, [ExpandAttention()]) == {"attention_expansion": 1}
    assert "Attention" not in operators(model)
    feeds = random_feeds(mask)
    expected = attend(feeds, 0.37 if attributes else 0.5)
    np.testing.assert_allclose(run_unoptimized(model, feeds), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_mask_of_one_row_runs_once_broadcast(kind: str) -> None:
    keep = holes(1)
    mask = keep if kind == "bool" else np.where(keep, 0.7, -np.inf).astype(np.float32)
    model = attention_graph(f"{kind}[B,1,1,S]", "<scale = 0.37>")
    assert apply(model, [BroadcastMask()]) == {"mask_broadcast": 1}
    feeds = random_feeds(mask)
    expected = attend(feeds, 0.37)
    np.testing.assert_allclose(run_unoptimized(model, feeds), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rule", [ExpandAttention, BroadcastMask])
def test_a_float_mask_that_drops_a_whole_row_stays_finite(
    rule: type[ExpandAttention | BroadcastMask],
) -> None:
    mask = np.zeros((2, 1, 1, SEQUENCE), dtype=np.float32)
    mask[1] = -np.inf
    model = attention_graph("float[B,1,1,S]")
    apply(model, [rule()])
    assert np.isfinite(run_unoptimized(model, random_feeds(mask))).all()


@pytest.mark.parametrize("mask", ["bool[B,1,S,S]", "bool[B,3,S,S]", "bool[S,S]"])
def test_a_mask_with_a_row_for_each_query_is_left_alone(mask: str) -> None:
    assert apply(attention_graph(mask), [BroadcastMask()]) == {"mask_broadcast": 0}


def test_expansion_refuses_a_mask_of_half_precision() -> None:
    rule = ExpandAttention()
    model = attention_graph("float16[B,1,S,S]")
    assert apply(model, [rule]) == {"attention_expansion": 0}
    assert "FLOAT16" in rule.refusals[0]
