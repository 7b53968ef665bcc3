"""Ranges of activations for static quantization, chosen from calibration histograms."""

from collections.abc import Callable, Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]
"""Lowest and highest value; zero is in the range."""

RangeMethod = Literal["minmax", "percentile", "entropy", "mse"]

LEVELS: Final = 255
"""Quantization steps of uint8."""

BINS: Final = 8192
TAIL: Final = 0.00005
"""Share of the values that `percentile` clips on each side."""

SHARES: Final = np.linspace(0.3, 1, 29)
"""Candidate ranges of `entropy` and `mse`, as shares of the extremes."""


class Histogram:
    """A histogram in equal bins around zero; the bins widen as values grow, so memory is constant.

    Args:
        multiplier: of each channel, (channels,).
        limit: values above it are clipped to it.
    """

    def __init__(
        self, multiplier: NDArray[np.floating] | None = None, limit: float = np.inf
    ) -> None:
        self._multiplier = multiplier
        self._limit = limit
        self._reach = 0.0
        self.counts = np.zeros(BINS, np.int64)
        self.lowest = 0.0
        self.highest = 0.0

    def add(self, rows: NDArray[np.float32], lengths: NDArray[np.int64]) -> None:
        """Add rows, (tokens, channels); `lengths` is not used."""
        del lengths
        scaled = rows if self._multiplier is None else rows * self._multiplier
        values = np.minimum(scaled, np.float32(self._limit)).ravel()
        self.lowest = min(self.lowest, float(values.min()))
        self.highest = max(self.highest, float(values.max()))
        self._widen(max(-self.lowest, self.highest))
        if self._reach:
            span = (-self._reach, self._reach)
            self.counts += np.histogram(values, BINS, span)[0]

    @property
    def centers(self) -> NDArray[np.float64]:
        """The middle of each bin, (bins,)."""
        edges = np.linspace(-self._reach, self._reach, BINS + 1)
        centers: NDArray[np.float64] = (edges[1:] + edges[:-1]) / 2
        return centers

    def _widen(self, reach: float) -> None:
        """Merge neighbouring bins, doubling their width, until they span ± `reach`."""
        self._reach = self._reach or reach
        while self._reach < reach:
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(pairs, BINS // 4)
            self._reach *= 2


def minmax(histogram: Histogram) -> Range:
    """The full range."""
    return histogram.lowest, histogram.highest


def percentile(histogram: Histogram) -> Range:
    """The range without a share `TAIL` of the values on each side."""
    shares = np.cumsum(histogram.counts) / max(histogram.counts.sum(), 1)
    centers = histogram.centers
    low, high = centers[np.minimum(np.searchsorted(shares, [TAIL, 1 - TAIL]), BINS - 1)]
    return max(min(low, 0.0), histogram.lowest), min(max(high, 0.0), histogram.highest)


def mse(histogram: Histogram) -> Range:
    """The range with the least mean square error of rounding and clipping."""
    return min(
        _candidates(histogram, both=True), key=lambda candidate: _square_error(histogram, candidate)
    )


def entropy(histogram: Histogram) -> Range:
    """The range with the least Kullback-Leibler divergence after rounding.

    Migacz 2017, "8-bit inference with TensorRT", GPU Technology Conference, slides 26 to 38.
    """
    return min(
        _candidates(histogram, both=False), key=lambda candidate: _divergence(histogram, candidate)
    )


RANGE_METHODS: Final[Mapping[RangeMethod, Callable[[Histogram], Range]]] = {
    "minmax": minmax,
    "percentile": percentile,
    "entropy": entropy,
    "mse": mse,
}


def _candidates(histogram: Histogram, *, both: bool) -> list[Range]:
    """Shortened ranges; `both` varies the two sides independently."""
    if both:
        return [
            (histogram.lowest * low, histogram.highest * high) for low in SHARES for high in SHARES
        ]
    return [(histogram.lowest * share, histogram.highest * share) for share in SHARES]


def _square_error(histogram: Histogram, candidate: Range) -> float:
    """Expected squared error over all values: step² / 12 inside a range, distance² outside."""
    low, high = candidate
    centers, step = histogram.centers, (high - low) / LEVELS
    beyond = centers - np.clip(centers, low, high)
    inside = beyond == 0
    return float((histogram.counts * np.where(inside, step**2 / 12, beyond**2)).sum())


def _divergence(histogram: Histogram, candidate: Range) -> float:
    """KL divergence of the clipped values' distribution from that of the rounded values."""
    low, high = candidate
    if low == high:
        return 0.0
    centers = histogram.centers
    inside = (centers >= low) & (centers <= high)
    counts = histogram.counts[inside].astype(np.float64)
    true = counts.copy()
    true[0] += histogram.counts[centers < low].sum()
    true[-1] += histogram.counts[centers > high].sum()
    levels = np.rint((centers[inside] - low) / (high - low) * LEVELS).astype(np.int64)
    there = counts > 0
    sums = np.bincount(levels, counts, LEVELS + 1)
    bins = np.bincount(levels, there, LEVELS + 1)
    spread = np.where(there, (sums / np.maximum(bins, 1))[levels], 0)
    p, q = true / true.sum(), np.maximum(spread / max(spread.sum(), 1), 1e-12)
    known = p > 0
    return float((p[known] * np.log(p[known] / q[known])).sum())
