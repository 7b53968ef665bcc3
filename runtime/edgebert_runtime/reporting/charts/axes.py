"""Axes: what range they span, and where their ticks are."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edgebert_runtime.reporting.validation import EXACT_DIGITS, PLAIN, power

NICE: Final = (1, 2, 5)
INTERVALS: Final = 5
"""Between ticks of a linear axis, at most one more."""

SAME: Final = 1e-9
"""Relative: values nearer to each other than this are one value to an axis."""

FROM_ZERO: Final = 0.5
"""A linear axis starts at zero if its least value is no more than this of its greatest."""

FEW: Final = 3
"""High over low: up to here a logarithmic axis has evenly spaced ticks, or it would have two."""

SEVERAL: Final = 1000
"""High over low: from here on only powers of ten have labels."""

MOST_DECADES: Final = 8
"""Of labels; an axis of more decades leaves some out."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A range of values.

    Attributes:
        low, high: its ends, which differ.
        log: whether it is logarithmic.
        ticks: values with labels, from low to high.
        labels: one for each tick, as long as it takes to tell them apart.
        minor: values with fainter lines and no labels.
    """

    low: float
    high: float
    log: bool
    ticks: Sequence[float]
    labels: Sequence[str]
    minor: Sequence[float] = ()

    def share(self, value: float) -> float:
        """How far along the axis a value is: 0 at the low end, 1 at the high one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear_axis(values: Iterable[float]) -> Axis:
    """An axis whose ends are ticks; it starts at zero if that is near."""
    values = list(values)
    low, high = min(values), max(values)
    if 0 < low <= FROM_ZERO * high:
        low = 0
    elif low <= FROM_ZERO * high < 0:
        high = 0
    return _even_axis(*_apart(low, high), log=False)


def log_axis(values: Iterable[float]) -> Axis:
    """A logarithmic axis of positive values; its ends are 1, 2 or 5 times a power of ten.

    Where those lie too far apart to be read between, ticks are even and its ends are ticks.
    """
    values = list(values)
    low, high = min(values), max(values)
    if high <= low * (1 + SAME):
        low, high = low / 2, high * 2
    if high / low < FEW:
        return _even_axis(low, high, log=True)
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    nice = [_times(factor, exponent) for exponent in exponents for factor in NICE]
    low = max(tick for tick in nice if tick <= low)
    high = min(tick for tick in nice if tick >= high)
    powers = [exponent for exponent in exponents if low <= _times(1, exponent) <= high]
    stride = math.ceil(len(powers) / MOST_DECADES)
    if high / low < SEVERAL:
        ticks = [tick for tick in nice if low <= tick <= high]
    else:
        ticks = [_times(1, exponent) for exponent in powers if exponent % stride == 0]
    every = [_times(factor, exponent) for exponent in exponents for factor in range(1, 10)]
    between = [value for value in every if low < value < high and value not in ticks]
    return Axis(
        low=low,
        high=high,
        log=True,
        ticks=ticks,
        labels=_labels(ticks),
        minor=between if stride == 1 else (),
    )


def _apart(low: float, high: float) -> tuple[float, float]:
    """The ends of a range, which are moved apart if they are all but one value."""
    if low == high == 0:
        return 0, 1
    largest = max(abs(low), abs(high))
    if high - low > SAME * largest:
        return low, high
    return low - largest / 2, high + largest / 2


def _even_axis(low: float, high: float, *, log: bool) -> Axis:
    """Ticks are multiples of a step, from the last one below to the first one above."""
    factor, exponent = _step((high - low) / INTERVALS)
    step = _times(factor, exponent)
    first, last = math.floor(low / step + SAME), math.ceil(high / step - SAME)
    ticks = [_times(count * factor, exponent) for count in range(first, last + 1)]
    labels = _even_labels(ticks, exponent)
    return Axis(low=ticks[0], high=ticks[-1], log=log, ticks=ticks, labels=labels)


def _step(rough: float) -> tuple[int, int]:
    """1, 2 or 5 and a power of ten, whose product is not below."""
    exponent = math.floor(math.log10(rough))
    steps = [(factor, exponent) for factor in NICE]
    enough = (step for step in steps if _times(*step) >= rough * (1 - SAME))
    return next(enough, (1, exponent + 1))


def _times(factor: int, exponent: int) -> float:
    """`factor * 10**exponent`, rounded once, so that 3 times 0.1 is 0.3."""
    return factor * 10.0**exponent if exponent >= 0 else factor / 10.0**-exponent


def _even_labels(ticks: Sequence[float], exponent: int) -> list[str]:
    """Texts of ticks that lie at multiples of so large a power of ten."""
    largest = max(abs(tick) for tick in ticks)
    if largest < PLAIN[1] and _times(1, exponent) >= PLAIN[0]:
        texts = [f"{tick:,.{max(0, -exponent)}f}" for tick in ticks]
    else:
        texts = [_power(tick, exponent) for tick in ticks]
    return [text.replace("-", "−") for text in texts]


def _power(tick: float, exponent: int) -> str:
    if tick == 0:
        return "0"
    return power(tick, max(0, math.floor(math.log10(abs(tick)) + SAME) - exponent))


def _labels(ticks: Sequence[float]) -> list[str]:
    """Texts of ticks that lie at powers of ten or between them."""
    if PLAIN[0] <= ticks[0] and ticks[-1] < PLAIN[1]:
        return [f"{tick:,.{EXACT_DIGITS}g}" for tick in ticks]
    return [power(tick, 0) for tick in ticks]
