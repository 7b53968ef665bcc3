"""Outliers after an activation function: moved together, multiplied in float, and nothing else."""

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_quantize.recipes import LinearRecipe
from edgebert_quantize.weights.outlier_channels import Outliers, move_outliers_last
from edgebert_runtime.errors import ConfigError
from tests.support.small_graphs import model_of, operators, quantize, run, seen

FEED_FORWARD = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,4] x) => (float[B,S,3] y)
{
  wide = MatMul (x, v)
  biased = Add (wide, c)
  kept = Relu (biased)
  product = MatMul (kept, w)
  y = Add (product, b)
}
"""

TWO_LAYERS = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,4] x) => (float[B,S,4] y)
{
  wide = MatMul (x, v)
  biased = Add (wide, c)
  kept = Relu (biased)
  between = MatMul (kept, w)
  wider = MatMul (between, v)
  biased_again = Add (wider, c)
  kept_again = Relu (biased_again)
  y = MatMul (kept_again, w)
}
"""

CHANNELS = 8
FAR = 2
"""The channel that reaches a hundred times as far as the others."""


def weights(random: np.random.Generator, outputs: int = 3) -> dict[str, np.ndarray]:
    reach = np.ones(CHANNELS)
    reach[FAR] = 100
    return {
        "v": random.standard_normal((4, CHANNELS)) * reach,
        "c": random.standard_normal(CHANNELS),
        "w": random.standard_normal((CHANNELS, outputs)),
    }


def feed_forward(random: np.random.Generator, text: str = FEED_FORWARD) -> ir.Model:
    return model_of(text, **weights(random), b=random.standard_normal(3))


def kept(model: ir.Model, x: np.ndarray) -> np.ndarray:
    """What the second layer reads."""
    v, c = (model.graph.initializers[name].const_value for name in "vc")
    assert v is not None
    assert c is not None
    return np.maximum(x @ v.numpy() + c.numpy(), 0)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@given(seed=st.integers(0, 1000), share=st.floats(1 / CHANNELS, 0.9))
def test_moving_channels_changes_no_answer(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    model, x = feed_forward(random), random.standard_normal((2, 5, 4))
    expected = run(model, x)[0]
    before = seen(kept(model, x))
    moved, outliers = move_outliers_last(model.graph, {"x": seen(x), "kept": before}, share)
    np.testing.assert_allclose(run(model, x)[0], expected, rtol=1e-5, atol=1e-4)
    after, found = seen(kept(model, x)), outliers["kept"]
    np.testing.assert_allclose(moved["kept"].maximum, after.maximum, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(moved["kept"].moment, after.moment, rtol=1e-4, atol=1e-4)
    assert found.count == int(share * CHANNELS)
    assert found.limit == np.sort(before.maximum)[-found.count - 1]
    assert (moved["kept"].maximum[: -found.count] <= found.limit).all()


def test_integers_and_outliers_by_hand() -> None:
    """Three channels up to 255 in whole steps, the fourth to 1000: all exact, beyond it too."""
    model = model_of(
        """<ir_version: 11, opset_import: ["": 23]>
        g (float[B,S,4] x) => (float[B,S,2] y) { p = MatMul (x, w)  y = Add (p, b) }""",
        w=np.array([[127, 1], [0, 127], [5, 0], [-3, 2]]),
        b=np.array([10, 20]),
    )
    statistics = {"x": seen(np.array([[0, 0, 0, 0], [255, 255, 255, 1000]]))}
    quantize(model, statistics, outliers={"x": Outliers(count=1, limit=255.0)})
    assert operators(model) == ["QuantizeLinear", "MatMulIntegerToFloat", "Slice", "MatMul", "Add"]
    weight = next(v for name, v in model.graph.initializers.items() if name.endswith(".weight"))
    assert weight.const_value is not None
    assert weight.const_value.numpy()[-1].tolist() == [0, 0]
    (y,) = run(model, np.array([[[1, 2, 3, 4], [9, 8, 7, 1000], [0, 0, 0, 2000]]]))
    expected = [
        [127 + 15 - 12 + 10, 1 + 254 + 8 + 20],
        [9 * 127 + 35 - 3000 + 10, 9 + 8 * 127 + 2000 + 20],
        [-6000 + 10, 4000 + 20],
    ]
    np.testing.assert_allclose(y[0], expected, rtol=1e-6)


def test_an_outlier_no_longer_costs_the_others(random: np.random.Generator) -> None:
    errors = []
    for share in (0.0, 1 / CHANNELS):
        model, x = feed_forward(np.random.default_rng(1)), random.standard_normal((4, 50, 4))
        expected = run(model, x)[0]
        statistics = {"x": seen(x), "kept": seen(kept(model, x))}
        statistics, outliers = move_outliers_last(model.graph, statistics, share)
        statistics["x"] = seen(x)
        quantize(model, statistics, outliers=outliers)
        errors.append(np.abs(run(model, x)[0] - expected).mean())
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize(
    "text",
    [
        FEED_FORWARD.replace("y)", "y, float[B,S,8] kept)"),  # the order can be seen
        FEED_FORWARD.replace("y)", "y, float[B,S,8] biased)"),
        FEED_FORWARD.replace("Relu", "Tanh"),  # reaches to both sides
        FEED_FORWARD.replace("kept = Relu (biased)", "kept = Softmax (biased)"),  # sees neighbours
        FEED_FORWARD.replace("biased = Add", "odd = Neg (wide)\n  biased = Add"),
    ],
    ids=["seen", "seen_before", "two_sided", "across_channels", "read_twice"],
)
def test_what_only_looks_like_it_is_left_alone(text: str, random: np.random.Generator) -> None:
    model, x = feed_forward(random, text), random.standard_normal((2, 5, 4))
    statistics = {"x": seen(x), "kept": seen(kept(model, x))}
    moved, outliers = move_outliers_last(model.graph, statistics, 1 / CHANNELS)
    assert outliers == {}
    assert moved == statistics


def test_a_layer_that_is_used_again_is_moved_once(random: np.random.Generator) -> None:
    model, x = model_of(TWO_LAYERS, **weights(random, 4)), random.standard_normal((2, 5, 4))
    expected = run(model, x)[0]
    once = kept(model, x)
    again = kept(model, once @ model.graph.initializers["w"].const_value.numpy())
    statistics = {name: seen(rows) for name, rows in (("kept", once), ("kept_again", again))}
    between = once @ model.graph.initializers["w"].const_value.numpy()
    statistics |= {"x": seen(x), "between": seen(between)}
    _, outliers = move_outliers_last(model.graph, statistics, 1 / CHANNELS)
    assert set(outliers) == {"kept", "kept_again"}
    assert outliers["kept"] == outliers["kept_again"]
    np.testing.assert_allclose(run(model, x)[0], expected, rtol=1e-5, atol=1e-3)


def test_a_bias_that_others_share_stays_theirs(random: np.random.Generator) -> None:
    """Equal constants are stored once; moving one layer's must not move another's."""
    text = FEED_FORWARD.replace("y)", "y, float[B,S,8] z)").replace(
        "product =", "z = Mul (x8, c)\n  product ="
    )
    text = text.replace("float[B,S,4] x)", "float[B,S,4] x, float[8] x8)")
    model = feed_forward(random, text)
    before = model.graph.initializers["c"].const_value.numpy()
    x = random.standard_normal((2, 5, 4))
    statistics = {"x": seen(x), "kept": seen(kept(model, x))}
    assert move_outliers_last(model.graph, statistics, 1 / CHANNELS)[1]
    np.testing.assert_array_equal(model.graph.initializers["c"].const_value.numpy(), before)


@pytest.mark.parametrize(
    "how", [{"schemes": ("per_tensor_dynamic",)}, {"schemes": ("blockwise",), "block": 32}]
)
def test_outliers_go_around_known_ranges_and_whole_columns_only(how: Any) -> None:
    with pytest.raises(ConfigError, match="outliers need"):
        LinearRecipe(outliers=0.1, **how)
