"""Layers that are used again: rounded once, smoothed once, and apart where they only overlap."""

import numpy as np
import onnx.parser
import onnx_ir as ir
import pytest

from edgebert_quantize.calibration.statistics import ActivationStatistics
from edgebert_quantize.graph.activation_quantizers import asymmetric_scale
from edgebert_quantize.graph.linear_layers import shared_linears
from edgebert_quantize.graph.node_builder import initializer
from tests.support.small_graphs import quantize, run_unoptimized, seen

TWICE = """
<ir_version: 10, opset_import: ["": 21]>
g (float[B,S,4] x) => (float[B,S,4] y) {
  once = MatMul (x, w)
  kept = Relu (once)
  y = MatMul (kept, w)
}
"""

OVERLAP = """
<ir_version: 10, opset_import: ["": 21]>
g (float[B,S,4] x) => (float[B,S,4] y) {
  one = MatMul (x, w)
  two = MatMul (x, v)
  sum = Add (one, two)
  kept = Relu (sum)
  y = MatMul (kept, w)
}
"""


def graph(text: str, *names: str) -> ir.Model:
    """With constants of the given names, random (4, 4)."""
    model = ir.from_proto(onnx.parser.parse_model(text))
    random = np.random.default_rng(0)
    for name in names:
        made = initializer(
            model.graph, f"{name}_value", random.standard_normal((4, 4)).astype("f4")
        )
        for node in model.graph:
            for index, value in enumerate(node.inputs):
                if value is not None and value.name == name:
                    node.replace_input_with(index, made)
    return model


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, 3, 4)).astype("f4")


def statistics(x: np.ndarray, weight: np.ndarray) -> dict[str, ActivationStatistics]:
    return {"x": seen(x), "kept": seen(np.maximum(x @ weight, 0))}


def test_sites_of_one_weight_are_one_group() -> None:
    (groups,) = shared_linears(graph(TWICE, "w").graph)
    assert [group.x.name for group in groups] == ["x", "kept"]


def test_a_weight_used_twice_is_rounded_once(x: np.ndarray) -> None:
    model = graph(TWICE, "w")
    expected = run_unoptimized(model, {"x": x})
    weight = model.graph.initializers["w_value"].const_value.numpy()
    assert quantize(model, statistics(x, weight), gptq=True, strengths=(0.5,)) == 2
    integers = [
        value
        for value in model.graph.initializers.values()
        if value.const_value is not None and value.const_value.dtype == ir.DataType.INT8
    ]
    assert len(integers) == 1
    assert len(list(integers[0].uses())) == 2
    found = run_unoptimized(model, {"x": x})
    assert 0 < np.abs(found - expected).max() < 0.1 * np.abs(expected).max()


def test_a_weight_used_twice_has_a_range_for_each_of_its_activations(x: np.ndarray) -> None:
    model = graph(TWICE, "w")
    constants = model.graph.initializers
    wide = statistics(x, constants["w_value"].const_value.numpy())
    wide["kept"] = wide["kept"].divided(np.full(4, 0.001, "f4"))
    quantize(model, wide)
    for name in ("x", "kept"):
        expected, _ = asymmetric_scale(*wide[name].range)
        assert constants[f"{name}_scale"].const_value.numpy() == expected


def test_groups_that_overlap_get_weights_of_their_own(x: np.ndarray) -> None:
    model = graph(OVERLAP, "w", "v")
    expected = run_unoptimized(model, {"x": x})
    groups = shared_linears(model.graph)
    assert sorted(len(alike[0].linears) for alike in groups) == [1, 2]
    weights = {id(linear.matmul.inputs[1]) for alike in groups for linear in alike[0].linears}
    assert len(weights) == 3
    np.testing.assert_allclose(run_unoptimized(model, {"x": x}), expected, rtol=1e-6)
