"""Linear layers found, smoothed and made integer, on graphs small enough to read."""

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from edgebert_quantize.graph.activation_quantizers import asymmetric_scale
from edgebert_quantize.graph.linear_layers import find_linears
from edgebert_quantize.recipes import LinearRecipe, Scheme
from edgebert_quantize.rewrite.matmul_schemes import quantize_linears
from edgebert_quantize.weights.grids import quantize_columns
from edgebert_quantize.weights.smoothquant import (
    best_scales,
    expected_error,
    smooth_attention_outputs,
    smoothing_scales,
)
from tests.support.small_graphs import model_of, operators, quantize, rounded, run, seen

TWO_READERS = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,4] x) => (float[B,S,3] y, float[B,S,3] z)
{
  p = MatMul (x, w)
  y = Add (p, b)
  z = MatMul (x, v)
}
"""

CHAIN = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,4] x) => (float[B,S,3] y)
{
  hidden = MatMul (x, w)
  y = MatMul (hidden, v)
}
"""

ATTENTION = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,4] x) => (float[B,S,3] y)
{
  q = MatMul (x, wq)
  k = MatMul (x, wk)
  vm = MatMul (x, wv)
  v = Add (vm, bv)
  context = Attention <q_num_heads = 2, kv_num_heads = 2> (q, k, v)
  y = MatMul (context, w)
}
"""


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def two_readers(random: np.random.Generator) -> ir.Model:
    return model_of(
        TWO_READERS,
        w=random.standard_normal((4, 3)),
        v=random.standard_normal((4, 3)),
        b=random.standard_normal(3),
    )


def attention(random: np.random.Generator) -> ir.Model:
    square = {name: random.standard_normal((4, 4)) for name in ("wq", "wk", "wv")}
    return model_of(
        ATTENTION, **square, bv=random.standard_normal(4), w=random.standard_normal((4, 3))
    )


def test_linear_layers_are_found_with_and_without_bias(random: np.random.Generator) -> None:
    found = list(find_linears(two_readers(random).graph))
    assert [linear.output.name for linear in found] == ["y", "z"]
    assert [linear.bias is not None for linear in found] == [True, False]


def test_a_product_of_activations_is_no_linear_layer() -> None:
    text = """<ir_version: 11, opset_import: ["": 23]>
    g (float[B,4,4] x) => (float[B,4,4] y) { y = MatMul (x, x) }"""
    assert list(find_linears(model_of(text).graph)) == []


def test_an_add_of_an_activation_is_no_bias(random: np.random.Generator) -> None:
    text = """<ir_version: 11, opset_import: ["": 23]>
    g (float[B,S,4] x) => (float[B,S,4] y) { p = MatMul (x, w)  y = Add (p, x) }"""
    (linear,) = find_linears(model_of(text, w=random.standard_normal((4, 4))).graph)
    assert linear.bias is None
    assert linear.output.name == "p"


def test_readers_of_one_activation_read_the_same_integers(random: np.random.Generator) -> None:
    model = two_readers(random)
    assert quantize(model, {"x": seen(random.standard_normal((2, 5, 4)))}) == 2
    assert operators(model) == ["QuantizeLinear", *["MatMulIntegerToFloat"] * 2]


@pytest.mark.parametrize("gptq", [False, True])
@pytest.mark.parametrize(
    "activations", ["per_tensor_static", "per_tensor_dynamic", "per_token_dynamic", "qdq"]
)
def test_integers_stay_close_to_floats(
    activations: Scheme, gptq: bool, random: np.random.Generator
) -> None:
    x = random.standard_normal((2, 5, 4))
    model = two_readers(random)
    expected = run(model, x)
    quantize(model, {"x": seen(x)}, activations, gptq=gptq)
    for found, wanted in zip(run(model, x), expected, strict=True):
        assert 0 < np.abs(found - wanted).max() < 0.06


@pytest.mark.parametrize(
    "activations", ["per_tensor_static", "per_tensor_dynamic", "per_token_dynamic", "qdq"]
)
def test_integers_by_hand(activations: Scheme) -> None:
    """Weights and inputs that are whole steps come out exact, bias included."""
    model = model_of(TWO_READERS, w=127 * np.eye(4, 3), v=np.zeros((4, 3)), b=np.array([1, 2, 3]))
    x = np.array([[[255.0, 0.0, 100.0, 7.0]]])  # range 0…255: scale 1, zero point 0
    quantize(model, {"x": seen(x)}, activations)
    y, z = run(model, x)
    np.testing.assert_allclose(y, [[[127 * 255 + 1, 2, 127 * 100 + 3]]], rtol=1e-6)
    np.testing.assert_array_equal(z, np.zeros((1, 1, 3)))


def test_a_layer_that_reads_a_layer_reads_its_integer_product(random: np.random.Generator) -> None:
    x = random.standard_normal((2, 5, 4))
    weights = {"w": random.standard_normal((4, 4)), "v": random.standard_normal((4, 3))}
    model = model_of(CHAIN, **weights)
    expected = run(model, x)
    assert quantize(model, {"x": seen(x), "hidden": seen(x @ weights["w"])}) == 2
    assert operators(model) == ["QuantizeLinear", "MatMulIntegerToFloat"] * 2
    np.testing.assert_allclose(run(model, x)[0], expected[0], atol=0.15)


def test_beyond_the_calibrated_range_static_saturates() -> None:
    """Calibrated on 0…255, fed 300: the answer is that of 255."""
    model = model_of(TWO_READERS, w=np.eye(4, 3), v=np.eye(4, 3), b=np.zeros(3))
    quantize(model, {"x": seen(np.array([[[255.0, 0.0, 1.0, 1.0]]]))})
    y, _ = run(model, np.array([[[300.0, -5.0, 1.0, 1.0]]]))
    np.testing.assert_allclose(y, [[[255, 0, 1]]], rtol=1e-6)


def test_static_integers_of_a_row_are_its_own(random: np.random.Generator) -> None:
    """A row alone and beside one a thousand times larger: the same, to the last bit."""
    x = random.standard_normal((1, 5, 4))
    beside = np.concatenate([x, 1000 * x])
    for activations, equal in (
        ("per_tensor_static", True),
        ("per_token_dynamic", True),
        ("per_tensor_dynamic", False),
    ):
        model = two_readers(np.random.default_rng(1))
        quantize(model, {"x": seen(x)}, activations)
        assert np.array_equal(run(model, x)[0][0], run(model, beside)[0][0]) is equal


@pytest.mark.parametrize(
    ("minimum", "maximum", "scale", "zero_point"),
    [
        (-1.0, 1.55, 0.01, 100),
        (0.5, 2.55, 0.01, 0),  # zero stays in the range
        (-2.55, -1.0, 0.01, 255),
        (0.0, 0.0, 1.0, 0),  # always zero
    ],
)
def test_static_range_by_hand(
    minimum: float, maximum: float, scale: float, zero_point: int
) -> None:
    rows = np.array([[minimum], [maximum]])
    found_scale, found_zero_point = asymmetric_scale(*seen(rows).range)
    np.testing.assert_allclose(found_scale, scale, rtol=1e-6)
    assert found_zero_point == zero_point


def test_a_row_of_zeros_and_rows_beyond_all_calibration_have_steps_of_their_own() -> None:
    """Each row spans 255 steps of its own: all exact, whatever the size; zero is the bias."""
    model = model_of(TWO_READERS, w=127 * np.eye(4, 3), v=np.eye(4, 3), b=np.array([1, 2, 3]))
    quantize(model, {"x": seen(np.ones((1, 4)))}, "per_token_dynamic")
    rows = np.array([[0.0, 0, 0, 0], [255, 0, 100, 7], [-2550, 0, 0, 0], [8, 8, 8, 8]])
    y, _ = run(model, rows[np.newaxis])
    expected = rows[:, :3] * 127 + [1, 2, 3]
    np.testing.assert_allclose(y[0], expected, rtol=1e-5, atol=0.05)


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.8, 1.0])
def test_smoothing_contexts_changes_no_answer(strength: float, random: np.random.Generator) -> None:
    x, model = random.standard_normal((2, 5, 4)) * [1, 50, 1, 1], attention(random)
    expected = run(model, x)[0]
    context = seen(np.array([[1.0, 2.0, 30.0, 4.0]]))
    before = operators(model)
    assert set(smooth_attention_outputs(model.graph, {"context": context}, [strength])) == {
        "context"
    }
    assert operators(model) == before
    np.testing.assert_allclose(run(model, x)[0], expected, rtol=1e-4, atol=1e-4)


def test_a_bias_that_others_read_is_not_smoothed_for_them(random: np.random.Generator) -> None:
    """Equal constants are stored once: here V's bias is added to the answer too."""
    text = ATTENTION.replace("y = MatMul (context, w)", "p = MatMul (context, w)  y = Add (p, bv)")
    square = {name: random.standard_normal((4, 4)) for name in ("wq", "wk", "wv", "w")}
    text = text.replace("float[B,S,3] y", "float[B,S,4] y")
    model, x = model_of(text, **square, bv=random.standard_normal(4)), np.ones((1, 3, 4))
    expected = run(model, x)[0]
    smooth_attention_outputs(model.graph, {"context": seen(np.full((1, 4), 9.0))}, [0.8])
    np.testing.assert_allclose(run(model, x)[0], expected, rtol=1e-4, atol=1e-4)


def test_smoothing_scales_by_hand() -> None:
    """max|x| = 16, max|w| = 4: s = 16^0.5 / 4^0.5 = 2."""
    model = model_of(TWO_READERS, w=np.full((4, 3), 4.0), v=np.full((4, 3), -2.0), b=np.zeros(3))
    x = seen(np.array([[-16.0, 1.0, 4.0, 0.0]]))
    recipe = LinearRecipe(schemes=("per_tensor_static",), strengths=(0.5,))
    (layer,) = rounded(model, {"x": x}, recipe)
    assert layer.divisors is not None
    np.testing.assert_allclose(layer.divisors[:3], [2, 1 / 2, 1], rtol=1e-6)
    assert np.isfinite(1 / layer.divisors).all()
    assert quantize(model, {"x": x}, strengths=(0.5,)) == 2
    assert operators(model) == ["Mul", "QuantizeLinear", *["MatMulIntegerToFloat"] * 2]


@pytest.mark.parametrize("scheme", ["per_tensor_static", "qdq", "per_token_dynamic"])
def test_smoothing_tames_an_outlier(scheme: Any, random: np.random.Generator) -> None:
    """One channel 300 times the others, with weights as much smaller: equally important."""
    outlier = np.array([1, 300, 1, 1])
    x = random.standard_normal((4, 16, 4)) * outlier
    weights = {name: random.standard_normal((4, 3)) / outlier[:, None] for name in ("w", "v")}
    errors = []
    for strengths in ((), (0.5,)):
        model = model_of(TWO_READERS, **weights, b=np.zeros(3))
        expected = run(model, x)[0]
        quantize(model, {"x": seen(x)}, scheme, strengths=strengths)
        errors.append(np.abs(run(model, x)[0] - expected).mean())
    assert errors[1] < errors[0] / 10


def test_the_bias_takes_up_what_rounding_shifts_by_hand() -> None:
    """0.4 steps lost of a weight whose input is 10 on average: 4 more in the bias."""
    model = model_of(TWO_READERS, w=np.diag([127, 0.4, 1, 0])[:, :3], v=np.eye(4, 3), b=np.zeros(3))
    model.graph.initializers["w"].const_value = ir.tensor(
        np.array([[127, 0, 0], [0.4, 127, 0], [0, 0, 127], [0, 0, 0]], np.float32), name="w"
    )
    x = np.array([[[0.0, 10.0, 0.0, 0.0], [20.0, 10.0, 0.0, 0.0]]])
    (layer,) = rounded(
        model, {"x": seen(x)}, LinearRecipe(schemes=("per_tensor_static",), correct_bias=True)
    )
    np.testing.assert_allclose(layer.bias[:3], [4, 0, 0], atol=1e-4)
    model = two_readers(np.random.default_rng(3))
    x = np.random.default_rng(4).standard_normal((50, 20, 4)) + 5
    shifts = []
    for correct in (False, True):
        made = two_readers(np.random.default_rng(3))
        quantize(made, {"x": seen(x)}, "per_token_dynamic", correct_bias=correct)
        shifts.append(np.abs((run(made, x)[0] - run(model, x)[0]).mean(axis=(0, 1))).max())
    assert shifts[1] < shifts[0] / 3


@pytest.mark.parametrize("inputs", [32, 40, 96])  # one block, one that is short, an odd number
def test_four_bit_blocks_compute_what_their_integers_stand_for(
    inputs: int, random: np.random.Generator
) -> None:
    text = """<ir_version: 11, opset_import: ["": 23]>
    g (float[B,S,I] x) => (float[B,S,8] y) { p = MatMul (x, w)  y = Add (p, b) }"""
    weight, bias = random.standard_normal((inputs, 8)), random.standard_normal(8)
    model = model_of(text.replace("I]", f"{inputs}]"), w=weight, b=bias)
    recipe = LinearRecipe(schemes=("blockwise",), bits=4, block=32)
    layers = rounded(model, {}, recipe)
    assert quantize_linears(model, layers) == 1
    assert operators(model) == ["MatMulNBits", "Add"]
    x = random.standard_normal((2, 5, inputs))
    np.testing.assert_allclose(run(model, x)[0], x @ layers[0].weight.dequantized + bias, atol=0.15)
    assert np.abs(layers[0].weight.dequantized - weight).max() > 0.05


def test_float_layers_stay_as_they_are(random: np.random.Generator) -> None:
    model, x = two_readers(random), random.standard_normal((2, 5, 4))
    expected, before = run(model, x), operators(model)
    assert quantize_linears(model, [None]) == 0
    assert operators(model) == before
    np.testing.assert_array_equal(run(model, x)[0], expected[0])


def rounding_error(x: np.ndarray, weight: np.ndarray, scales: np.ndarray) -> float:
    """Mean square error of x W with both rounded by hand, summed over outputs."""
    smoothed, rows = x / scales, quantize_columns(weight * scales[:, None])
    step, zero_point = asymmetric_scale(*seen(smoothed).range)
    integers = np.clip(np.rint(smoothed / step) + zero_point, 0, 255)
    found = ((integers - zero_point) * step) @ (rows.values * rows.scales)
    return float(np.square(found - x @ weight).sum(axis=1).mean())


@pytest.mark.parametrize("strength", [0.3, 0.7, 1.0])
def test_the_expected_error_is_that_of_rounding(
    strength: float, random: np.random.Generator
) -> None:
    x = (random.standard_normal((4000, 24)) * np.geomspace(0.1, 10, 24)).astype(np.float32)
    weight = random.standard_normal((24, 40)).astype(np.float32)
    scales = smoothing_scales(seen(x).largest, weight, strength)
    expected = expected_error(seen(x), weight, scales)
    assert rounding_error(x, weight, scales) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(("of_x", "of_weights"), [(1, 1), (100, 1), (100, 0.01), (1, 100)])
def test_each_layer_gets_the_strength_that_costs_it_least(
    of_x: float, of_weights: float, random: np.random.Generator
) -> None:
    """One channel of x, and its weights, some times as wide as the rest."""
    x, weight = random.standard_normal((500, 4)), random.standard_normal((4, 40))
    x[:, 3] *= of_x
    weight[3] *= of_weights
    strengths = (0.0, 0.5, 1.0)
    tried = [smoothing_scales(seen(x).largest, weight, strength) for strength in strengths]
    errors = [rounding_error(x, weight, scales) for scales in tried]
    chosen = best_scales(seen(x), weight.astype(np.float32), strengths)
    np.testing.assert_allclose(chosen, tried[int(np.argmin(errors))], rtol=1e-5)
