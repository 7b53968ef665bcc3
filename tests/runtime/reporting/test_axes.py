"""Where ticks are, worked by hand."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert_runtime.reporting.charts.axes import linear_axis, log_axis


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        # A fifth of 97 is 19.4, the next of 1, 2, 5, 10, 20 … is 20.
        ((0, 97), ("0", "20", "40", "60", "80", "100")),
        # 13 is more than half of 17, so zero is far; a fifth of 4 is 0.8, the next is 1.
        ((17, 13), ("13", "14", "15", "16", "17")),
        # 0.12 is less than half of 0.3, so the axis starts at zero; 0.06, the next is 0.1.
        ((0.12, 0.3), ("0.0", "0.1", "0.2", "0.3")),
        ((-3, 4), ("−4", "−2", "0", "2", "4")),
        ((-10, -2), ("−10", "−8", "−6", "−4", "−2", "0")),
        ((1200, 48000), ("0", "10,000", "20,000", "30,000", "40,000", "50,000")),
        ((0, 3e-6), ("0", "10⁻⁶", "2×10⁻⁶", "3×10⁻⁶")),
        ((9.99e6, 1e7), ("9.99×10⁶", "9.992×10⁶", "9.994×10⁶", "9.996×10⁶", "9.998×10⁶", "10⁷")),
        # One value: half of it on both sides.
        ((5,), ("2", "3", "4", "5", "6", "7", "8")),
        ((0, 0), ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
    ],
)
def test_ticks_of_linear_axes(values: Sequence[float], labels: Sequence[str]) -> None:
    axis = linear_axis(values)
    assert tuple(axis.labels) == labels
    assert (axis.low, axis.high) == (axis.ticks[0], axis.ticks[-1])


@pytest.mark.parametrize(
    ("values", "ends", "labels"),
    [
        ((3, 200), (2, 200), ("2", "5", "10", "20", "50", "100", "200")),
        ((0.002, 40), (0.002, 50), ("0.01", "0.1", "1", "10")),
        ((1e-6, 3e-3), (1e-6, 5e-3), ("10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³")),
        # Less than a decade, and much less.
        ((3, 12), (2, 20), ("2", "5", "10", "20")),
        ((0.9, 1.1), (0.9, 1.1), ("0.90", "0.95", "1.00", "1.05", "1.10")),
        # A fifth of 0.9 is 0.18, the next is 0.2.
        ((0.5, 1.4), (0.4, 1.4), ("0.4", "0.6", "0.8", "1.0", "1.2", "1.4")),
        # One value: from half of it to twice.
        ((10,), (5, 20), ("5", "10", "20")),
        # 21 decades, of which every third has a label.
        ((1e-10, 1e10), (1e-10, 1e10), ("10⁻⁹", "10⁻⁶", "10⁻³", "10⁰", "10³", "10⁶", "10⁹")),
    ],
)
def test_ticks_of_logarithmic_axes(
    values: Sequence[float], ends: tuple[float, float], labels: Sequence[str]
) -> None:
    axis = log_axis(values)
    assert (axis.low, axis.high) == ends
    assert tuple(axis.labels) == labels


def test_minor_ticks_fill_decades() -> None:
    axis = log_axis([1, 1000])
    assert axis.ticks == [1, 10, 100, 1000]
    assert axis.minor[:9] == [2, 3, 4, 5, 6, 7, 8, 9, 20]
    assert log_axis([1, 100]).minor[:6] == [3, 4, 6, 7, 8, 9]
    assert not log_axis([1e-10, 1e10]).minor


def test_shares() -> None:
    assert linear_axis([0, 100]).share(25) == 0.25
    assert log_axis([1, 100]).share(10) == pytest.approx(0.5)
    assert log_axis([1, 100]).share(2) == pytest.approx(0.150515)  # log10 of 2, halved


measured = st.floats(1e-100, 1e100) | st.floats(0.001, 1e4)
signed = st.one_of(measured, measured.map(lambda value: -value), st.just(0.0))


@settings(deadline=None)
@given(st.lists(signed, min_size=1))
def test_a_linear_axis_holds_its_values(values: list[float]) -> None:
    axis = linear_axis(values)
    assert all(-1e-6 <= axis.share(value) <= 1 + 1e-6 for value in values)
    assert 2 <= len(axis.ticks) <= 8
    assert len(set(axis.labels)) == len(axis.ticks)


@settings(deadline=None)
@given(st.lists(measured, min_size=1))
def test_a_logarithmic_axis_holds_its_values(values: list[float]) -> None:
    axis = log_axis(values)
    assert all(-1e-6 <= axis.share(value) <= 1 + 1e-6 for value in values)
    assert 2 <= len(axis.ticks) <= 11
    assert len(set(axis.labels)) == len(axis.ticks)
    assert all(axis.low <= tick <= axis.high for tick in (*axis.ticks, *axis.minor))
