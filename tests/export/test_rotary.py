"""Rotary positions in plain operators, and what is left where no rule fits."""

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgebert_export.fusions import ExpandRotary, apply
from edgebert_export.graph.build import require_operators
from edgebert_runtime.errors import FusionError
from tests.export.test_fusions import operators, run_unoptimized

ROTARY = """
<ir_version: 11, opset_import: ["": 23]>
g ({x} x, float[B,S,2] c, float[B,S,2] s) => ({x} y) {{
  y = RotaryEmbedding {attributes} (x, c, s)
}}
"""


def rotary_graph(attributes: str = "", x: str = "float[B,3,S,4]") -> ir.Model:
    proto = onnx.parser.parse_model(ROTARY.format(attributes=attributes, x=x))
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto))


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("angles_of", [1, 2])
def test_halves_of_a_head_are_turned_against_each_other(batch: int, angles_of: int) -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((batch, 3, 5, 4)).astype(np.float32)
    angles = random.standard_normal((min(angles_of, batch), 5, 2)).astype(np.float32)
    model = rotary_graph("<num_heads = 3>")
    assert apply(model, [ExpandRotary()]) == {"rotary_expansion": 1}
    assert "RotaryEmbedding" not in operators(model)
    found = run_unoptimized(model, {"x": x, "c": np.cos(angles), "s": np.sin(angles)})
    turned = (x[..., :2] + 1j * x[..., 2:]) * np.exp(1j * angles[:, None])
    expected = np.concatenate([turned.real, turned.imag], axis=-1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "x", "reason"),
    [
        ("<interleaved = 1>", "float[B,3,S,4]", "interleaved set"),
        ("<rotary_embedding_dim = 2>", "float[B,3,S,4]", "rotary_embedding_dim set"),
        ("<num_heads = 3>", "float[B,S,12]", "expected four axes"),
    ],
)
def test_other_forms_are_left_with_a_reason(attributes: str, x: str, reason: str) -> None:
    rule = ExpandRotary()
    assert apply(rotary_graph(attributes, x), [rule]) == {"rotary_expansion": 0}
    assert reason in rule.refusals[0]


def test_an_operator_newer_than_the_opset_is_named() -> None:
    model = rotary_graph()
    require_operators(model, 23, "cpu", [])
    with pytest.raises(FusionError, match=r"portable is for opset 21.*RotaryEmbedding: because"):
        require_operators(model, 21, "portable", ["because"])
