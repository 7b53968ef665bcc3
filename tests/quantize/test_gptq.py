"""Rounding that makes up for its errors, against rounding each weight by itself."""

import numpy as np
import pytest

from edgebert_quantize.weights.gptq import round_gptq
from edgebert_quantize.weights.grids import (
    LARGEST,
    QuantizedWeight,
    block_grid,
    column_grid,
    quantize_columns,
    round_to_nearest,
)


def moment_of(x: np.ndarray) -> np.ndarray:
    return (x.T @ x / len(x)).astype(np.float32)


def loss(x: np.ndarray, weight: np.ndarray, quantized: QuantizedWeight) -> float:
    return float(np.square(x @ (quantized.dequantized - weight)).mean())


def compensated_columns(weight: np.ndarray, moment: np.ndarray) -> QuantizedWeight:
    return round_gptq(weight, moment, column_grid(weight))[0]


def correlated(random: np.random.Generator, inputs: int) -> np.ndarray:
    """Activations of few causes, as real ones are."""
    causes = random.standard_normal((2000, inputs // 4))
    mixed = causes @ random.standard_normal((inputs // 4, inputs))
    return mixed + 0.3 * random.standard_normal(mixed.shape)


def test_two_equal_inputs_share_an_error_by_hand() -> None:
    """Both inputs always agree, so 0.3 + 0.3 steps is rounded to 0 + 1, not to 0 + 0."""
    weight = np.array([[127.0], [0.3], [0.3]], np.float32)  # scale 1
    x = np.array([[0.0, 1.0, 1.0], [0.01, 0.0, 0.0]])
    assert quantize_columns(weight).values[:, 0].tolist() == [127, 0, 0]
    values = compensated_columns(weight, moment_of(x)).values[:, 0].tolist()
    assert values == [127, 0, 1]


def test_an_exact_input_makes_up_for_all_of_an_error_by_hand() -> None:
    """The last two inputs always agree, so what 0.3 loses at 0 steps its neighbour takes over."""
    weight = np.array([[127.0], [0.3], [0.3]], np.float32)  # scale 1
    x = np.array([[0.0, 100.0, 100.0], [0.01, 0.0, 0.0]])
    found, rows = round_gptq(weight, moment_of(x), column_grid(weight), exact=1)
    assert found.values[:, 0].tolist() == [127, 0, 0]
    np.testing.assert_allclose(rows, [[0.6]], atol=0.01)


@pytest.mark.parametrize("inputs", [32, 200])
def test_exact_inputs_leave_less_to_lose(inputs: int) -> None:
    random = np.random.default_rng(0)
    x, exact = correlated(random, inputs), inputs // 8
    weight = random.standard_normal((inputs, 24)).astype(np.float32)
    within = weight.copy()
    within[-exact:] = 0
    found, rows = round_gptq(weight, moment_of(x), column_grid(within), exact)
    restored = found.dequantized.copy()
    np.testing.assert_array_equal(restored[-exact:], 0)
    restored[-exact:] = rows
    lost = float(np.square(x @ (restored - weight)).mean())
    assert lost < 0.9 * loss(x, weight, compensated_columns(weight, moment_of(x)))


def test_independent_inputs_are_rounded_to_the_nearest() -> None:
    weight = np.random.default_rng(0).standard_normal((16, 5)).astype(np.float32)
    moment = np.diag(np.arange(1.0, 17.0)).astype(np.float32)
    compensated, nearest = compensated_columns(weight, moment), quantize_columns(weight)
    np.testing.assert_array_equal(compensated.values, nearest.values)
    np.testing.assert_array_equal(compensated.scales, nearest.scales)


@pytest.mark.parametrize("inputs", [32, 200])  # within one block, and over two
def test_correlated_inputs_lose_less(inputs: int) -> None:
    random = np.random.default_rng(0)
    x = correlated(random, inputs)
    weight = random.standard_normal((inputs, 24)).astype(np.float32)
    compensated = compensated_columns(weight, moment_of(x))
    assert np.abs(compensated.values.astype(int)).max() <= LARGEST
    assert loss(x, weight, compensated) < loss(x, weight, quantize_columns(weight)) / 2


def test_the_block_size_changes_no_weight() -> None:
    random = np.random.default_rng(0)
    moment = moment_of(correlated(random, 64))
    weight = random.standard_normal((64, 8)).astype(np.float32)
    whole = compensated_columns(weight, moment)
    narrow, _ = round_gptq(weight, moment, column_grid(weight), width=5)
    np.testing.assert_array_equal(narrow.values, whole.values)


def test_silent_inputs_and_zero_columns_stay_finite() -> None:
    weight = np.array([[1.0, 0.0], [0.5, 0.0], [0.2, 0.0]], np.float32)
    moment = np.diag([1.0, 0.0, 0.0]).astype(np.float32)
    quantized = compensated_columns(weight, moment)
    np.testing.assert_array_equal(quantized.values[:, 0], [127, 64, 25])
    np.testing.assert_array_equal(quantized.values[:, 1], [0, 0, 0])


@pytest.mark.parametrize("inputs", [32, 50])  # whole blocks, and one that is short
def test_blocks_of_four_bits_lose_less_too(inputs: int) -> None:
    random = np.random.default_rng(0)
    x = correlated(random, inputs)
    weight = random.standard_normal((inputs, 24)).astype(np.float32)
    grid = block_grid(weight, bits=4, block=16)
    found, _ = round_gptq(weight, moment_of(x), grid)
    assert found.values.min() >= 0
    assert found.values.max() <= 15
    assert loss(x, weight, found) < loss(x, weight, round_to_nearest(weight, grid)) / 2
