"""The chart of `compare`."""

from collections.abc import Sequence

from edgebert.reporting.bars import Bar, Bars, Part
from edgebert_runtime.benchmarking.comparison_page import Compared


def ratio_bars(changes: Sequence[Compared]) -> Bars | None:
    """A bar for the ratio of each change that is known; None without any."""
    known = {change.name: change.ratio for change in changes if change.is_known and change.ratio}
    worst = max(known.values(), default=None)
    bars = [
        Bar(name=name, parts=(Part(name="ratio", value=ratio),), chosen=ratio == worst)
        for name, ratio in known.items()
    ]
    return Bars(unit="time after / time before; below 1 is faster", bars=bars) if bars else None
