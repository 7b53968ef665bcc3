"""Where the integers of an activation begin and end, chosen from what calibration saw."""

from collections.abc import Callable, Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]
"""Lowest and highest value; zero lies between them."""

RangeMethod = Literal["minmax", "percentile", "entropy", "mse"]

LEVELS: Final = 255
"""Steps of uint8."""

BINS: Final = 8192
TAIL: Final = 0.00005
"""Share of values that `percentile` leaves out on each side."""

SHARES: Final = np.linspace(0.3, 1, 29)
"""Of the extremes, what `entropy` and `mse` choose from."""


class Histogram:
    """How often values came, in equal bins around zero; the bins widen, memory does not grow.

    Args:
        multiplier: of each channel, (channels,).
        limit: values above it count as it.
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
        """Take in rows, (tokens, channels); whose they are makes no difference."""
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
        """Double the bins' width, two becoming one, until they span ± `reach`."""
        self._reach = self._reach or reach
        while self._reach < reach:
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(pairs, BINS // 4)
            self._reach *= 2


def minmax(seen: Histogram) -> Range:
    """All that was seen."""
    return seen.lowest, seen.highest


def percentile(seen: Histogram) -> Range:
    """All but `TAIL` of the values on each side."""
    shares = np.cumsum(seen.counts) / max(seen.counts.sum(), 1)
    centers = seen.centers
    low, high = centers[np.minimum(np.searchsorted(shares, [TAIL, 1 - TAIL]), BINS - 1)]
    return max(min(low, 0.0), seen.lowest), min(max(high, 0.0), seen.highest)


def mse(seen: Histogram) -> Range:
    """Where the squares of rounding and of saturating add up to least."""
    return min(_candidates(seen, both=True), key=lambda found: _square_error(seen, found))


def entropy(seen: Histogram) -> Range:
    """Where the rounded values tell most of the true ones: least Kullback-Leibler divergence.

    Migacz 2017, "8-bit inference with TensorRT", GPU Technology Conference, slides 26 to 38.
    """
    return min(_candidates(seen, both=False), key=lambda found: _divergence(seen, found))


CHOOSERS: Final[Mapping[RangeMethod, Callable[[Histogram], Range]]] = {
    "minmax": minmax,
    "percentile": percentile,
    "entropy": entropy,
    "mse": mse,
}


def _candidates(seen: Histogram, *, both: bool) -> list[Range]:
    """Ranges cut shorter, each side by itself or both alike."""
    if both:
        return [(seen.lowest * low, seen.highest * high) for low in SHARES for high in SHARES]
    return [(seen.lowest * share, seen.highest * share) for share in SHARES]


def _square_error(seen: Histogram, found: Range) -> float:
    """Summed over the values: step² / 12 inside of a range, the distance to it outside."""
    low, high = found
    centers, step = seen.centers, (high - low) / LEVELS
    beyond = centers - np.clip(centers, low, high)
    inside = beyond == 0
    return float((seen.counts * np.where(inside, step**2 / 12, beyond**2)).sum())


def _divergence(seen: Histogram, found: Range) -> float:
    """Of the rounded values' distribution from the saturated values'."""
    low, high = found
    if low == high:
        return 0.0
    centers = seen.centers
    inside = (centers >= low) & (centers <= high)
    counts = seen.counts[inside].astype(np.float64)
    true = counts.copy()
    true[0] += seen.counts[centers < low].sum()
    true[-1] += seen.counts[centers > high].sum()
    levels = np.rint((centers[inside] - low) / (high - low) * LEVELS).astype(np.int64)
    there = counts > 0
    sums = np.bincount(levels, counts, LEVELS + 1)
    bins = np.bincount(levels, there, LEVELS + 1)
    spread = np.where(there, (sums / np.maximum(bins, 1))[levels], 0)
    p, q = true / true.sum(), np.maximum(spread / max(spread.sum(), 1), 1e-12)
    known = p > 0
    return float((p[known] * np.log(p[known] / q[known])).sum())
