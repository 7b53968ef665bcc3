"""What a service has done, as counters, gauges and histograms."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Outcome = Literal["answered", "refused", "failed", "cancelled"]
"""What becomes of a request: `refused` for want of time, `failed` by an error."""

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Histogram:
    """How often values were how large.

    Attributes:
        bounds: upper bounds of the buckets, rising; a value may equal its bound.
        counts: values of each bucket alone; the last is of values above every bound.
        total: sum of all values.
    """

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


class Tally:
    """A histogram while it is made; for one thread at a time.

    Args:
        bounds: as `Histogram` has them.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds, self._counts, self._total = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def histogram(self) -> Histogram:
        """What was counted so far."""
        return Histogram(self._bounds, tuple(self._counts), self._total)


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What a service has done since it started.

    Attributes:
        requests: outcome → how many requests ended so.
        items: answered.
        tokens: that were run, without padding.
        padded_tokens: that were run, padding included.
        waiting_rows: rows that have not begun, now.
        in_flight: requests that are under way, now.
        wait_seconds: from a request's arrival to the begin of its first row.
        request_seconds: from a request's arrival to its answer.
        batch_rows: rows of a micro-batch.
    """

    requests: Mapping[Outcome, int]
    items: int
    tokens: int
    padded_tokens: int
    waiting_rows: int
    in_flight: int
    wait_seconds: Histogram
    request_seconds: Histogram
    batch_rows: Histogram
