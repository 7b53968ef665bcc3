"""Charts as SVG."""

from collections.abc import Sequence
from typing import Final

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.charts.bars import draw_bars
from edgebert_runtime.reporting.charts.colours import ALONE, painted
from edgebert_runtime.reporting.charts.drawing import (
    FONT,
    WIDTH,
    Drawing,
    element,
    escaped,
    moved,
    paragraph,
)
from edgebert_runtime.reporting.charts.plots import draw_plot
from edgebert_runtime.reporting.document import Bars, Page, Plot, Section

Chart = Plot | Bars

MARGIN: Final = 16
"""Around what stands alone."""

APART: Final = 28
"""Between two charts of a sheet."""

FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif"
NAMESPACE: Final = "http://www.w3.org/2000/svg"


def svg(chart: Chart, *, standalone: bool = False, page: str = "") -> str:
    """A chart as an `<svg>` element that scales to the room it has.

    Args:
        chart: what to draw.
        standalone: as a file of its own, with a ground and both colour schemes; otherwise the
            document it stands in has `IN_PAGE` in its style, or the chart is light.
        page: kept in `data-page`: which page a file belongs to.

    Raises:
        ConfigError: it has nothing to draw, or a number that no axis can show.
    """
    drawing = _draw(chart)
    if standalone:
        return _alone(drawing, described(chart), page)
    box = f"0 0 {WIDTH} {drawing.height:.2f}"
    return element("svg", _attributes(box, described(chart)), drawing.body)


def sheet(page: Page) -> str:
    """All charts of a page, one below the other under its title, as a file of its own.

    Raises:
        ConfigError: there is no chart, or as `svg`.
    """
    charts = [chart for section in page.sections for chart in charts_of(section)]
    if not charts:
        raise ConfigError(f"{page.title!r} has no chart to draw; write it as .html")
    heading = paragraph(page.title, 0, 0, size=FONT + 4, strong=True)
    body, top = [heading.body], heading.height + APART / 2
    for chart in charts:
        caption = paragraph(chart.caption, 0, top) if chart.caption else Drawing(height=0, body="")
        drawing = _draw(chart)
        body += [caption.body, moved(drawing.body, top + caption.height)]
        top += caption.height + drawing.height + APART
    return _alone(Drawing(height=top - APART, body="".join(body)), page.title, "")


def charts_of(section: Section) -> Sequence[Chart]:
    """The plots and bars of a section, in order."""
    return [block for block in section.blocks if isinstance(block, Chart)]


def belongs_to(text: str, page: str) -> bool:
    """Whether a file's text is what `svg` drew standalone for a page of that name."""
    start, _, _ = text.partition(">")
    return start.startswith("<svg ") and f' data-page="{escaped(page)}" ' in start


def described(chart: Chart) -> str:
    """What a chart shows, for who does not see it."""
    if isinstance(chart, Plot):
        what = f"{chart.y_label} over {chart.x_label}"
        names = [series.name for series in chart.series if series.name]
    else:
        what, names = chart.unit, [bar.name for bar in chart.bars]
    return f"{what}: {', '.join(names)}" if names else what


def _draw(chart: Chart) -> Drawing:
    return draw_plot(chart) if isinstance(chart, Plot) else draw_bars(chart)


def _attributes(box: str, label: str) -> dict[str, str | float]:
    return {
        "class": "chart",
        "viewBox": box,
        "role": "img",
        "aria-label": label,
        "font-family": FONTS,
        "font-size": FONT,
    }


def _alone(drawing: Drawing, label: str, page: str) -> str:
    width, height = WIDTH + 2 * MARGIN, drawing.height + 2 * MARGIN
    place = {"x": -MARGIN, "y": -MARGIN, "width": width, "height": height}
    ground = element("rect", {**place, **painted(fill="paper")})
    attributes = {
        "xmlns": NAMESPACE,
        "data-page": page,
        "width": width,
        "height": height,
        **_attributes(f"{-MARGIN} {-MARGIN} {width} {height:.2f}", label),
    }
    style = element("style", {}, f"\n{ALONE}")
    return element("svg", attributes, style, ground, drawing.body) + "\n"
