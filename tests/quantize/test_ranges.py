"""Where ranges end: by hand, and on what they are for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_quantize.calibration.ranges import (
    BINS,
    RANGE_METHODS,
    Histogram,
    Range,
    RangeMethod,
    mse,
    percentile,
)
from edgebert_quantize.graph.activation_quantizers import asymmetric_scale


def histogram(*batches: np.ndarray, **options: float) -> Histogram:
    found = Histogram(**options)
    for rows in batches:
        found.add(rows.astype(np.float32), np.array([len(rows)]))
    return found


def rounded(values: np.ndarray, found: Range) -> np.ndarray:
    scale, zero_point = asymmetric_scale(*found)
    return (np.clip(np.rint(values / scale) + zero_point, 0, 255) - zero_point) * scale


@pytest.mark.parametrize("method", sorted(RANGE_METHODS))
def test_of_nothing_but_zeros_the_range_is_nothing(method: RangeMethod) -> None:
    assert RANGE_METHODS[method](histogram(np.zeros((3, 2)))) == (0.0, 0.0)


@pytest.mark.parametrize("method", sorted(RANGE_METHODS))
def test_zero_lies_in_every_range(method: RangeMethod) -> None:
    low, high = RANGE_METHODS[method](histogram(5 + np.random.default_rng(0).random((100, 4))))
    assert low == 0.0
    assert 0 < high <= 6


def test_all_that_was_seen_by_hand() -> None:
    assert RANGE_METHODS["minmax"](histogram(np.array([[-3.0, 1.0]]), np.array([[2.0, -7.0]]))) == (
        -7.0,
        2.0,
    )


def test_a_limit_and_multipliers_come_before_counting() -> None:
    found = Histogram(np.array([1.0, 10.0], np.float32), limit=5.0)
    found.add(np.array([[1.0, -2.0], [9.0, 9.0]], np.float32), np.array([2]))
    assert (found.lowest, found.highest) == (-20.0, 5.0)


@given(st.integers(0, 1000), st.integers(1, 5))
def test_bins_that_widen_lose_no_value(seed: int, batches: int) -> None:
    random = np.random.default_rng(seed)
    parts = [random.standard_normal((7, 3)) * 10.0**power for power in range(batches)]
    found = histogram(*parts)
    values = np.concatenate(parts)
    assert found.counts.sum() == values.size
    assert found.counts.shape == (BINS,)
    width = found.centers[1] - found.centers[0]
    mean = (found.counts * found.centers).sum() / values.size
    assert abs(mean - values.astype(np.float32).mean()) <= width


def test_percentile_leaves_out_one_in_twenty_thousand_by_hand() -> None:
    """Of 100,000 values five may lie beyond on each side: the two that do, do."""
    values = np.concatenate([np.linspace(-1, 1, 99_998), [50.0, -40.0]])
    low, high = percentile(histogram(values.reshape(-1, 1)))
    assert (low, high) == pytest.approx((-1, 1), abs=100 / BINS + 0.001)


def test_mse_is_the_best_of_its_candidates_on_real_rounding() -> None:
    """A few values far out: cutting them off costs less than a coarse step for all."""
    random = np.random.default_rng(0)
    values = np.concatenate([random.standard_normal(200_000), [12.0, -9.0]])
    seen = histogram(values.reshape(-1, 1))
    found = mse(seen)
    assert found[1] < 0.8 * seen.highest
    whole = (seen.lowest, seen.highest)
    errors = [np.square(rounded(values, each) - values).mean() for each in (found, whole)]
    assert errors[0] < errors[1]


def test_entropy_cuts_a_far_tail_and_keeps_an_even_one() -> None:
    random = np.random.default_rng(0)
    far = histogram(np.append(random.standard_normal(20_000), 100.0).reshape(-1, 1))
    assert RANGE_METHODS["entropy"](far)[1] < 0.9 * far.highest
    even = histogram(random.uniform(-1, 1, (20_000, 1)))
    assert RANGE_METHODS["entropy"](even)[1] > 0.9
