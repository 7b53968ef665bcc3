"""Bars: segments end to end on one scale from zero, as data and drawn by matplotlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from edgebert.reporting.colours import SERIES, look
from edgebert.reporting.drawing import chart_html, fitted, listed, new_figure
from edgebert.reporting.numbers import check_numbers, short, ticks_of
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.html import INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW: Final = 32.0
"""CSS pixels from a bar to the next."""

AROUND: Final = 70.0
LEGEND_ROW: Final = 20.0
CHARACTER: Final = 6.0
"""CSS pixels of a letter, about."""

NAME_LINE: Final = 12.0
NAMES: Final = 0.4
"""Of the width, at most, for the names beside the bars."""

SMALL: Final = 10.0
FAINT: Final = 0.4
"""Opacity of what is not chosen, and of parts whose colours others have already."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A segment of a bar: what it is of, and how much."""

    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Segments end to end.

    Attributes:
        name: beside it.
        parts: one, or what the whole consists of.
        low, high: quartiles of the whole, if they are known.
        chosen: drawn stronger than the others.
    """

    name: str
    parts: Sequence[Part]
    low: float | None = None
    high: float | None = None
    chosen: bool = False

    @property
    def total(self) -> float:
        """Of all parts."""
        return sum(part.value for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Bars under each other on one scale from zero.

    Attributes:
        unit: of the values.
        bars: in order.
        caption: one sentence, or empty.
    """

    unit: str
    bars: Sequence[Bar]
    caption: str = ""

    @property
    def label(self) -> str:
        """What it shows, for a reader who does not see it."""
        return listed(self.unit, (bar.name for bar in self.bars))

    @property
    def stacked(self) -> bool:
        """Whether a bar has more than one part."""
        return any(len(bar.parts) > 1 for bar in self.bars)

    def html(self) -> str:
        """The chart as HTML, for a wide screen and for a phone.

        Raises:
            ConfigError: there is no bar, a bar has no part, or a number is negative or not finite;
                or matplotlib is missing.
        """
        return chart_html(self)

    def check(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            ConfigError: as `html`.
        """
        if not self.bars:
            raise ConfigError(f"a chart in {self.unit!r} has no bar; leave it out or give it one")
        for bar in self.bars:
            self._check_bar(bar)

    def _check_bar(self, bar: Bar) -> None:
        if not bar.parts:
            raise ConfigError(
                f"the bar {bar.name!r} has no parts; give it at least one, 0 if it is empty"
            )
        numbers = [part.value for part in bar.parts]
        numbers += [quartile for quartile in (bar.low, bar.high) if quartile is not None]
        check_numbers(numbers, f"the bar {bar.name!r}", log=False)
        if min(numbers) < 0:
            raise ConfigError(
                f"the bar {bar.name!r} has {min(numbers)}; bars start at zero, show it in a table"
            )

    def draw(self, width: float) -> "Figure":
        """The chart with names, values and a legend of the parts; its numbers have been checked.

        Args:
            width: in CSS pixels.
        """
        return _draw_bars(self, width)


def _draw_bars(bars: Bars, width: float) -> "Figure":
    parts = list(dict.fromkeys(part.name for bar in bars.bars for part in bar.parts))
    columns = max(1, int(width // (CHARACTER * max(map(len, parts)) + 44)))
    rows = -(-len(parts) // columns) if bars.stacked else 0
    names = _wrapped(bars, width)
    row = max(ROW, NAME_LINE * max(name.count("\n") + 1 for name in names) + 6)
    figure, axes = new_figure(width, AROUND + row * len(bars.bars) + LEGEND_ROW * rows)
    numbers = {name: number if bars.stacked else 0 for number, name in enumerate(parts)}
    faded = not bars.stacked and any(bar.chosen for bar in bars.bars)
    for place, bar in enumerate(bars.bars):
        _draw_parts(axes, place, bar, numbers, faded=faded and not bar.chosen)
        _draw_total(axes, place, bar)
    _set_axes(axes, bars, names)
    axes.set_xlabel(fitted(bars.unit, (1 - NAMES) * width))
    if rows:
        handles, labels = axes.get_legend_handles_labels()
        found = dict(zip(reversed(labels), reversed(handles), strict=True))
        shown = [name for name in parts if name in found]
        handles = [found[name] for name in shown]
        figure.legend(handles, shown, loc="outside upper left", ncols=columns, fontsize=SMALL)
    return figure


def _draw_parts(axes: Any, place: int, bar: Bar, numbers: dict[str, int], *, faded: bool) -> None:
    start = 0.0
    for part in bar.parts:
        number = numbers[part.name]
        axes.barh(
            place,
            part.value,
            left=start,
            height=0.66,
            color=look(number).colour,
            alpha=FAINT if faded or number // len(SERIES) % 2 else 1.0,
            label=part.name,
        )
        start += part.value


def _draw_total(axes: Any, place: int, bar: Bar) -> None:
    low = bar.total if bar.low is None else bar.low
    high = bar.total if bar.high is None else bar.high
    if low != high:
        axes.hlines(place, low, high, color=INK.light, linewidth=1.5)
    axes.annotate(
        short(bar.total),
        (max(bar.total, high), place),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        fontweight="bold" if bar.chosen else "normal",
    )


def _wrapped(bars: Bars, width: float) -> list[str]:
    letters = int(NAMES * width // CHARACTER)
    return ["\n".join(wrap(bar.name, letters) or [""]) for bar in bars.bars]


def _set_axes(axes: Any, bars: Bars, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    for bar, text in zip(bars.bars, axes.get_yticklabels(), strict=True):
        text.set_fontweight("bold" if bar.chosen else "normal")
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    ends = [max(bar.total, bar.high or 0.0) for bar in bars.bars]
    ticks_of(axes.xaxis, ends, log=False)
    axes.set_xlim(0, max(*ends, 1e-12, 0.0) * 1.12)
