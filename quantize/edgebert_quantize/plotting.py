"""Draw quality against what it costs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.errors import ConfigError

ENDINGS: Final = (".svg", ".png", ".pdf")
COLOURS: Final = ("#3b6ea8", "#c8553d", "#5a8f5a", "#8a6bb1", "#b08a3e", "#6f7378")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One point of a plot.

    Attributes:
        x, y: where.
        label: beside it; empty for none.
        series: marks of one series look alike; named in the legend if there are several.
        chosen: drawn larger.
    """

    x: float
    y: float
    label: str = ""
    series: str = ""
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Marks that share axes; both are logarithmic.

    Attributes:
        x_label, y_label: what the axes are.
        marks: in order; those of a series are joined if `joined`.
        joined: whether they are.
    """

    x_label: str
    y_label: str
    marks: Sequence[Mark]
    joined: bool = False


def check_plot(path: str | PathLike[str]) -> Path:
    """Where a plot can go.

    Raises:
        ConfigError: its ending is of no kind that can be drawn, or it cannot be written there.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(ENDINGS)}")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path.absolute().parent} is no folder; make it first")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise ConfigError(f"{path} cannot be written; choose another place for the plot (--plot)")
    return path


def draw(panels: Sequence[Panel], title: str, destination: Path) -> None:
    """Write a plot, panels side by side, by matplotlib."""
    from matplotlib import rc_context  # takes longer than everything else here to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6 * len(panels), 4.5), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_panel(axes, panel)
    figure.suptitle(title)
    # Text stays text, and the same plot has the same bytes.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        undated = {"Date": None} if destination.suffix == ".svg" else None
        figure.savefig(destination, metadata=undated)


def _draw_panel(axes: Any, panel: Panel) -> None:
    series = list(dict.fromkeys(mark.series for mark in panel.marks))
    for name, colour in zip(series, COLOURS * len(series), strict=False):
        marks = [mark for mark in panel.marks if mark.series == name]
        sizes = [90 if mark.chosen else 35 for mark in marks]
        places = [mark.x for mark in marks], [mark.y for mark in marks]
        axes.scatter(*places, s=sizes, color=colour, label=name or None, zorder=3)
        if panel.joined:
            axes.plot(*places, color=colour, linewidth=1)
        for mark in marks:
            axes.annotate(
                mark.label, (mark.x, mark.y), (5, 5), textcoords="offset points", fontsize=8
            )
    axes.set(xlabel=panel.x_label, ylabel=panel.y_label, xscale="log", yscale="log")
    axes.margins(x=0.2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.25)
    if len(series) > 1:
        axes.legend(fontsize=8)
