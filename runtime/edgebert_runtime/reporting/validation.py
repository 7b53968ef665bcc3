"""Which numbers can be drawn, and how numbers become text."""

import math
from collections.abc import Iterable
from typing import Final

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.document import Bars, Plot, Table

LARGEST: Final = 1e100
"""No measurement is beyond it, or nearer to zero than one over it; what is drawn stays finite."""

PLAIN: Final = (1e-4, 1e6)
"""Magnitudes from and below which numbers are written without a power of ten."""

DIGITS: Final = 4
EXACT_DIGITS: Final = 15
"""As many as any decimal number keeps in a float."""

RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def check_plot(plot: Plot) -> None:
    """Refuse what cannot be drawn.

    Raises:
        ConfigError: no point, a number that is not finite or beyond all measure, or one that is
            not positive on a logarithmic axis.
    """
    if not any(series.points for series in plot.series):
        raise ConfigError(
            f"the plot of {plot.y_label!r} has no point; leave it out or give it at least one"
        )
    for series in plot.series:
        for point in series.points:
            _check((point.x,), f"x in {series.name!r}", log=plot.log_x)
            y_values = (point.y, point.low, point.high)
            _check((y for y in y_values if y is not None), f"y in {series.name!r}", log=plot.log_y)


def check_bars(bars: Bars) -> None:
    """Refuse what cannot be drawn.

    Raises:
        ConfigError: no bar, a bar without parts, or a number that is negative, not finite or
            beyond all measure.
    """
    if not bars.bars:
        raise ConfigError(f"a chart in {bars.unit!r} has no bar; leave it out or give it one")
    for bar in bars.bars:
        if not bar.parts:
            raise ConfigError(
                f"the bar {bar.name!r} has no parts; give it at least one, 0 if it is empty"
            )
        numbers = [part.value for part in bar.parts]
        numbers += [quartile for quartile in (bar.low, bar.high) if quartile is not None]
        _check(numbers, f"the bar {bar.name!r}", log=False)
        if min(numbers) < 0:
            raise ConfigError(
                f"the bar {bar.name!r} has {min(numbers)}; bars start at zero, show it in a table"
            )


def check_table(table: Table) -> None:
    """Refuse rows that do not fit their columns.

    Raises:
        ConfigError: no column, or a row with more or fewer cells than there are columns.
    """
    if not table.columns:
        raise ConfigError("a table has no columns; name at least one")
    for row in table.rows:
        if len(row) != len(table.columns):
            raise ConfigError(
                f"a row of a table has {len(row)} cells, {list(row)}, its columns are "
                f"{len(table.columns)}: {', '.join(table.columns)}; give one cell per column"
            )


def short(value: float) -> str:
    """A number for reading, four digits long."""
    rounded = float(f"{value:.{DIGITS}g}")
    if rounded == 0 or PLAIN[0] <= abs(rounded) < PLAIN[1]:
        return f"{rounded:,.{EXACT_DIGITS}g}"
    return power(rounded, DIGITS - 1)


def exact(value: float) -> str:
    """A number as it is."""
    return f"{value:.{EXACT_DIGITS}g}"


def power(value: float, decimals: int) -> str:
    """A number as a power of ten; zeros at the end of its factor are left out."""
    mantissa, _, exponent = f"{value:.{decimals}e}".partition("e")
    factor = mantissa.rstrip("0").rstrip(".") if decimals else mantissa
    ten = f"10{str(int(exponent)).translate(RAISED)}"
    return ten if factor == "1" else f"{factor}×{ten}"


def _check(numbers: Iterable[float], what: str, *, log: bool) -> None:
    for number in numbers:
        if not math.isfinite(number) or not (number == 0 or 1 / LARGEST <= abs(number) <= LARGEST):
            raise ConfigError(f"{what} is {number}, which an axis cannot show; leave it out")
        if log and number <= 0:
            raise ConfigError(
                f"{what} is {number} on a logarithmic axis, which holds numbers above zero; make "
                "the axis linear or leave the point out"
            )
