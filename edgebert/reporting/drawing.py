"""Charts as SVG, drawn by matplotlib.

A drawing is static text: no script, nothing that is fetched. It is drawn in the colours for a light
ground; `dark_rules` change them where the reader prefers a dark one. Source: matplotlib 3.11,
https://matplotlib.org/stable/users/explain/customizing.html (`svg.fonttype`, `svg.hashsalt`).
"""

import io
import re
import warnings
from collections.abc import Iterable
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final, Protocol

from edgebert.reporting.colours import dark_rules
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.html import FONTS, FORBIDDEN, GRID, INK, PAPER, SOFT, escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE: Final = 704.0
NARROW: Final = 344.0
"""Widths of drawings in CSS pixels: of a page's column, and of a phone of 390 less its margins."""

FONT_PIXELS: Final = 12.0
LETTER: Final = 8.0
"""Width of a letter of that size, at most about."""

POINTS_PER_INCH: Final = 72.0

SETTINGS: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edgebert",
    "font.family": "DejaVu Sans",
    "font.size": FONT_PIXELS,
    "text.color": INK.light,
    "text.parse_math": False,
    "axes.labelcolor": INK.light,
    "axes.edgecolor": SOFT.light,
    "axes.facecolor": PAPER.light,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID.light,
    "figure.facecolor": PAPER.light,
    "xtick.color": SOFT.light,
    "ytick.color": SOFT.light,
    "xtick.labelcolor": INK.light,
    "ytick.labelcolor": INK.light,
    "legend.frameon": False,
}

NAMESPACE: Final = "http://www.w3.org/2000/svg"
NAMESPACE_OF_LINKS: Final = "http://www.w3.org/1999/xlink"

UNUSED_ID: Final = re.compile(r' id="[a-z]+(?:\.[a-z]+)?_\d+"')
"""Names of groups, which would be there twice in a page of two charts; nothing refers to them."""

FONT_STYLE: Final = re.compile(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*")

PREAMBLE: Final = re.compile(r"\A.*?(?=<svg )|<metadata>.*?</metadata>\s*", re.DOTALL)
SIZE: Final = re.compile(r'<svg [^>]*viewBox="([^"]*)"[^>]*>')


class Drawable(Protocol):
    """A chart."""

    @property
    def label(self) -> str:
        """What it shows, for a reader who does not see it."""
        ...

    def check(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            ConfigError: a number or a part does not fit.
        """

    def draw(self, width: float) -> "Figure":
        """The chart, so many CSS pixels wide."""
        ...


def chart_html(chart: Drawable) -> str:
    """A chart as two drawings, of which a page shows the one that fits."""
    drawings = (("wide", WIDE), ("narrow", NARROW))
    return "".join(f'<div class="{kind}">{_svg(chart, width)}</div>' for kind, width in drawings)


def standalone_svg(chart: Drawable, page: str) -> str:
    """A chart as an SVG file.

    Args:
        chart: what to draw.
        page: kept in `data-page`: which page the file belongs to.

    Raises:
        ConfigError: as `Plot.html`.
    """
    return _svg(chart, WIDE, page=page) + "\n"


def require_matplotlib() -> None:
    """Refuse to go on without the library that draws.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "charts are drawn by matplotlib, which is not installed; "
            "run pip install 'edgebert[report]'"
        ) from error


def _svg(chart: Drawable, width: float, page: str = "") -> str:
    chart.check()
    require_matplotlib()
    import matplotlib

    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        # The reader's fonts have letters that the one for measuring lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = chart.draw(width)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return _cleaned(file.getvalue(), chart.label, page)


def new_figure(width: float, height: float) -> tuple["Figure", Any]:
    """An empty figure of a size in CSS pixels, and its axes."""
    from matplotlib.figure import Figure

    size = (width / POINTS_PER_INCH, height / POINTS_PER_INCH)
    figure = Figure(figsize=size, dpi=POINTS_PER_INCH, layout="constrained")
    return figure, figure.subplots()


def fitted(label: str, room: float) -> str:
    """A label of an axis in lines that have room, in CSS pixels."""
    return "\n".join(wrap(label, max(1, int(room // LETTER))))


def listed(what: str, names: Iterable[str]) -> str:
    """What a chart shows, and the names of its parts that have one."""
    known = [name for name in names if name]
    return f"{what}: {', '.join(known)}" if known else what


def _cleaned(text: str, label: str, page: str) -> str:
    """What matplotlib wrote, as one element with a name, in the fonts of a page."""
    text = UNUSED_ID.sub("", PREAMBLE.sub("", FORBIDDEN.sub("\ufffd", text)).strip())
    text = FONT_STYLE.sub(lambda found: f"font: {found[1]}{FONTS}", text)
    opening = SIZE.match(text)
    assert opening is not None
    alone = f'xmlns="{NAMESPACE}" xmlns:xlink="{NAMESPACE_OF_LINKS}" data-page="{escaped(page)}" '
    return (
        f'<svg {alone if page else ""}class="chart" '
        f'viewBox="{opening[1]}" role="img" aria-label="{escaped(label)}">'
        f"<style>{dark_rules()}</style>{text[opening.end() :]}"
    )
