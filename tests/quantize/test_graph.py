"""Linear layers found, smoothed and made integer, on graphs small enough to read."""

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime
import pytest

from edgebert_quantize.activations import quantize_linears
from edgebert_quantize.linear import find_linears
from edgebert_quantize.smoothing import smooth

TWO_READERS = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,4] x) => (float[B,S,3] y, float[B,S,3] z)
{
  p = MatMul (x, w)
  y = Add (p, b)
  z = MatMul (x, v)
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


def model_of(text: str, **weights: np.ndarray) -> ir.Model:
    proto = onnx.parser.parse_model(text)
    for name, array in weights.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array.astype(np.float32), name))
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto))


def run(model: ir.Model, x: np.ndarray) -> list[np.ndarray]:
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    arrays: list[np.ndarray] = session.run(None, {"x": x.astype(np.float32)})
    return arrays


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


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


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


def test_readers_of_one_activation_share_its_quantization(random: np.random.Generator) -> None:
    model = two_readers(random)
    assert quantize_linears(model) == 2
    assert operators(model) == [
        "DynamicQuantizeLinear",
        "MatMulIntegerToFloat",
        "MatMulIntegerToFloat",
    ]


def test_integers_stay_close_to_floats(random: np.random.Generator) -> None:
    x = random.standard_normal((2, 5, 4))
    model = two_readers(random)
    expected = run(model, x)
    quantize_linears(model)
    for found, wanted in zip(run(model, x), expected, strict=True):
        assert 0 < np.abs(found - wanted).max() < 0.06


def test_integers_by_hand() -> None:
    """Weights and inputs that are whole steps come out exact, bias included."""
    model = model_of(TWO_READERS, w=127 * np.eye(4, 3), v=np.zeros((4, 3)), b=np.array([1, 2, 3]))
    quantize_linears(model)
    x = np.array([[[255.0, 0.0, 100.0, 7.0]]])  # range 0…255: scale 1, zero point 0
    y, z = run(model, x)
    np.testing.assert_allclose(y, [[[127 * 255 + 1, 2, 127 * 100 + 3]]], rtol=1e-6)
    np.testing.assert_array_equal(z, np.zeros((1, 1, 3)))


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.8, 1.0])
def test_smoothing_changes_no_answer(strength: float, random: np.random.Generator) -> None:
    x = random.standard_normal((2, 5, 4)) * [1, 50, 1, 1]
    for model in (two_readers(random), attention(random)):
        expected = run(model, x)
        maxima = {"x": np.abs(x).max(axis=(0, 1)), "context": np.ones(4)}
        smooth(model, maxima, strength)
        for found, wanted in zip(run(model, x), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_attentions_context_is_smoothed_for_free(random: np.random.Generator) -> None:
    model = attention(random)
    counts = smooth(model, {"x": np.ones(4), "context": np.ones(4)}, 0.8)
    assert counts == {"folded": 1, "multiplied": 1}
    assert operators(model).count("Mul") == 1


def test_smoothing_scales_by_hand() -> None:
    """max|x| = 16, max|w| = 4: s = 16^0.5 / 4^0.5 = 2."""
    model = model_of(TWO_READERS, w=np.full((4, 3), 4.0), v=np.full((4, 3), -2.0), b=np.zeros(3))
    smooth(model, {"x": np.array([16.0, 1.0, 4.0, 0.0])}, 0.5)
    inverse = model.graph.initializers["x_smoothing"].const_value
    assert inverse is not None
    np.testing.assert_allclose(inverse.numpy()[:3], [1 / 2, 2, 1], rtol=1e-6)
    assert np.isfinite(inverse.numpy()).all()


def test_smoothing_tames_an_outlier(random: np.random.Generator) -> None:
    """One channel 300 times the others, with weights as much smaller: equally important."""
    outlier = np.array([1, 300, 1, 1])
    x = random.standard_normal((4, 16, 4)) * outlier
    weights = {name: random.standard_normal((4, 3)) / outlier[:, None] for name in ("w", "v")}
    errors = []
    for strength in (None, 0.5):
        model = model_of(TWO_READERS, **weights, b=np.zeros(3))
        expected = run(model, x)[0]
        if strength is not None:
            smooth(model, {"x": np.abs(x).max(axis=(0, 1))}, strength)
        quantize_linears(model)
        errors.append(np.abs(run(model, x)[0] - expected).mean())
    assert errors[1] < errors[0] / 10
