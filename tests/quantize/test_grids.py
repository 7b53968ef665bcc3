import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgebert_quantize.weights.grids import LARGEST, block_grid, quantize_columns, round_to_nearest


def test_per_column_int8_by_hand() -> None:
    weight = np.array([[4.0, 0.0], [-1.0, 0.0], [3.0, 0.0]], dtype=np.float32)

    quantized = quantize_columns(weight)

    # Column 0: scale 4/127, so 4 -> 127, -1 -> -31.75 -> -32, 3 -> 95.25 -> 95.
    # Column 1 is all zero: its scale must stay usable.
    np.testing.assert_array_equal(quantized.values, [[127, 0], [-32, 0], [95, 0]])
    np.testing.assert_allclose(quantized.scales, [4 / 127, 1], rtol=1e-6)
    assert quantized.values.dtype == np.int8


def test_a_large_column_does_not_coarsen_its_neighbour() -> None:
    weight = np.array([[1000.0, 0.01], [1.0, 0.006]], dtype=np.float32)
    quantized = quantize_columns(weight)
    np.testing.assert_array_equal(quantized.values[:, 1], [127, 76])  # 76.2; a shared scale gives 0


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.floats(-100, 100, width=32, allow_subnormal=False),
    )
)
def test_rounding_is_off_by_half_a_step_at_most(weight: np.ndarray) -> None:
    quantized = quantize_columns(weight)
    assert np.abs(quantized.values).max() <= LARGEST
    assert (np.abs(quantized.dequantized - weight) <= 0.501 * quantized.scales).all()


def test_blocks_of_four_bits_by_hand() -> None:
    """Column 0: -1…2 in steps of 0.2, zero at 5; then all zero, and one alone: zero is in range."""
    weight = np.array([[-1.0], [2.0], [0.1], [0.0], [0.0], [0.0], [3.0]], np.float32)
    quantized = round_to_nearest(weight, block_grid(weight, bits=4, block=3))
    np.testing.assert_array_equal(quantized.values[:, 0], [0, 15, 5, 0, 0, 0, 15])
    np.testing.assert_allclose(quantized.grid.scales[:, 0], [0.2, 1, 0.2], rtol=1e-6)
    np.testing.assert_array_equal(quantized.grid.zero_points[:, 0], [5, 0, 0])
    np.testing.assert_allclose(quantized.dequantized[:, 0], [-1, 2, 0, 0, 0, 0, 3], atol=1e-6)


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.floats(-100, 100, width=32, allow_subnormal=False),
    ),
    st.integers(1, 5),
)
def test_four_bits_are_off_by_a_step_at_most(weight: np.ndarray, block: int) -> None:
    """Half a step for the weight, half for the zero point."""
    quantized = round_to_nearest(weight, block_grid(weight, bits=4, block=block))
    scales = quantized.grid.scales[np.arange(len(weight)) // block]
    assert ((quantized.values >= 0) & (quantized.values <= 15)).all()
    assert (np.abs(quantized.dequantized - weight) <= 1.001 * scales).all()
    assert (quantized.dequantized[weight == 0] == 0).all()
