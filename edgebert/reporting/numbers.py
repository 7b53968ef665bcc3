"""Numbers on axes and beside bars."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

from edgebert_runtime.errors import ConfigError

LARGEST: Final = 1e100
"""No measurement is beyond it, or nearer to zero than one over it."""

DIGITS: Final = 4
PLAIN: Final = (1e-4, 1e6)
"""Magnitudes from and below which numbers are written without a power of ten."""

FEW: Final = 9
"""So many different values of a logarithmic axis are its ticks; where there are more, 1, 2, 5."""

SUBDIVISIONS: Final[dict[float, tuple[float, ...]]] = {
    1e3: (1.0,),
    10.0: (1.0, 2.0, 5.0),
    1.5: (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    1.0: (),
}
"""Least ratio of the ends of a logarithmic axis → ticks of a decade; even steps for none."""

RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def short(value: float) -> str:
    """A number for reading, four digits long."""
    rounded = float(f"{value:.{DIGITS}g}")
    if rounded == 0 or PLAIN[0] <= abs(rounded) < PLAIN[1]:
        return f"{rounded:,.15g}"
    mantissa, _, exponent = f"{rounded:.{DIGITS - 1}e}".partition("e")
    factor = mantissa.rstrip("0").rstrip(".")
    ten = f"10{str(int(exponent)).translate(RAISED)}"
    return ten if factor == "1" else f"{factor}×{ten}"


def check_numbers(numbers: Iterable[float], what: str, *, log: bool) -> None:
    """Refuse numbers that an axis cannot show.

    Raises:
        ConfigError: one is not finite, beyond all measure, or on a logarithmic axis not positive.
    """
    for number in numbers:
        if not math.isfinite(number) or not (number == 0 or 1 / LARGEST <= abs(number) <= LARGEST):
            raise ConfigError(f"{what} is {number}, which an axis cannot show; leave it out")
        if log and number <= 0:
            raise ConfigError(
                f"{what} is {number} on a logarithmic axis, which holds numbers above zero; make "
                "the axis linear or leave the point out"
            )


def ticks_of(axis: Any, values: Sequence[float], *, log: bool) -> None:
    """Scale an axis of matplotlib and choose its ticks, which are written by `short`."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    if log:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_minor_locator(NullLocator())
        wide = max(values) / min(values)
        subs = next(steps for least, steps in SUBDIVISIONS.items() if wide >= least)
        axis.set_major_locator(LogLocator(subs=subs, numticks=FEW) if subs else MaxNLocator(5))
        different = sorted(set(values))
        if axis.axis_name == "x" and len(different) <= FEW and _apart(different):
            axis.set_ticks(different)
    else:
        axis.set_major_locator(MaxNLocator(FEW - 2))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def _apart(values: Sequence[float]) -> bool:
    """Whether labels at these values of a logarithmic axis have room beside each other."""
    ratios = [high / low for low, high in pairwise(values)]
    return min(ratios, default=1.0) >= 1.4
