"""Charts: what matplotlib is told to draw, and what the SVG says."""

import re
import subprocess
import sys
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.reporting.bars import Bar, Bars, Part
from edgebert.reporting.drawing import NARROW, WIDE, standalone_svg
from edgebert.reporting.numbers import short
from edgebert.reporting.plots import Plot, Point, Series
from edgebert_runtime.errors import ConfigError
from tests.support import sample_page
from tests.support.page_parsing import parsed, texts

NASTY = "<b>&\"quotes\" 'n' $x^2$ ]]> --> \x00"


def one(*points: Point, log: bool = False, joined: bool = True) -> Plot:
    series = [Series(name="s", points=points, joined=joined)]
    return Plot(x_label="tokens", y_label="ms", series=series, log_x=log, log_y=log)


def test_points_are_drawn_in_order_and_joined() -> None:
    points = [Point(x=8, y=2.5), Point(x=32, y=9)]
    (line,) = one(*points).draw(WIDE).axes[0].lines
    assert np.asarray(line.get_xydata()).tolist() == [[8, 2.5], [32, 9]]
    assert line.get_linestyle() == "-"
    (line,) = one(*points, joined=False).draw(WIDE).axes[0].lines
    assert line.get_linestyle() == "None"


def test_logarithmic_axes_have_the_values_as_ticks() -> None:
    axes = one(Point(x=8, y=1), Point(x=32, y=10), Point(x=128, y=500), log=True).draw(WIDE).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xticks().tolist() == [8, 32, 128]


def test_quartiles_are_a_band_on_a_line_and_whiskers_elsewhere() -> None:
    points = [Point(x=x, y=50, low=25, high=100) for x in (0, 10)]
    band = one(*points).draw(WIDE).axes[0].collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == (25, 100)
    whiskers = one(*points, joined=False).draw(WIDE).axes[0].collections[0].get_segments()
    assert [segment.tolist() for segment in whiskers] == [[[x, 25], [x, 100]] for x in (0, 10)]


def test_a_quartile_that_is_not_known_is_the_point() -> None:
    assert Point(x=1, y=2, high=3).quartiles == (2, 3)
    assert not Point(x=1, y=2).has_quartiles


def test_segments_lie_end_to_end_from_zero() -> None:
    parts = [Part(name="p", value=30), Part(name="q", value=20)]
    axes = Bars(unit="ms", bars=[Bar(name="abcd", parts=parts)]).draw(WIDE).axes[0]
    assert [(each.get_x(), each.get_width()) for each in axes.patches] == [(0, 30), (30, 20)]
    assert axes.get_xlim()[0] == 0
    assert [each.get_text() for each in axes.texts] == ["50"]


def test_bars_stand_in_order_with_the_chosen_one_strong() -> None:
    bars = [Bar(name=name, parts=[Part(name="", value=1)], chosen=name == "b") for name in "ab"]
    axes = Bars(unit="ms", bars=bars).draw(WIDE).axes[0]
    labels = [(each.get_text(), each.get_fontweight()) for each in axes.get_yticklabels()]
    assert labels == [("a", "normal"), ("b", "bold")]
    assert axes.yaxis_inverted()
    assert [each.get_alpha() for each in axes.patches] == [0.4, 1.0]


def test_what_is_chosen_is_drawn_last_and_thicker() -> None:
    lines = sample_page.latency(3).draw(WIDE).axes[0].lines
    assert lines[-1].get_label() == "edgebert int8"
    assert lines[-1].get_linewidth() > lines[0].get_linewidth()


def test_fourteen_series_can_be_told_apart() -> None:
    lines = sample_page.latency(14).draw(WIDE).axes[0].lines
    looks = {(each.get_color(), str(each.get_linestyle()), each.get_marker()) for each in lines}
    assert len(looks) == 14


def test_all_names_and_labels_are_text() -> None:
    drawn = texts(parsed(standalone_svg(sample_page.frontier(), "page.md")))
    for text in ("int8-dynamic", "24 static, 12 token", "time over fp32's, 1×128", "chosen"):
        assert text in drawn


def test_labels_do_not_lie_on_each_other() -> None:
    figure = sample_page.frontier().draw(WIDE)
    figure.draw_without_rendering()
    boxes = [each.get_window_extent() for each in figure.axes[0].texts]
    whole = figure.bbox
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1


def test_a_chart_says_what_it_is_and_needs_nothing() -> None:
    text = standalone_svg(sample_page.growth(), "docs/page.md")
    root = parsed(text)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "peak memory, MiB over tokens of a text: fp32, int8"
    assert root.attrib["data-page"] == "docs/page.md"
    assert not re.search(r"<script|<image|url\((?!#)|@import", text)
    linked = re.findall(r'xlink:href="([^"]*)"', text)
    assert all(link.startswith("#") for link in linked)
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in linked} <= set(ids)


def test_a_page_has_a_drawing_for_each_screen() -> None:
    html = sample_page.growth().html()
    boxes = re.findall(r'viewBox="0 0 ([\d.]+) ', html)
    assert list(map(float, boxes)) == [WIDE, NARROW]
    assert html.count("prefers-color-scheme:dark") == 2


def test_any_text_can_be_a_name() -> None:
    parts = [Part(name=NASTY, value=1), Part(name="b", value=1)]
    chart = Bars(unit=NASTY, bars=[Bar(name=NASTY, parts=parts)])
    assert any("$x^2$" in text for text in texts(parsed(standalone_svg(chart, NASTY))))


def test_the_same_chart_is_the_same_bytes_in_another_process() -> None:
    code = (
        "from tests.support import sample_page\n"
        "from edgebert.reporting.drawing import standalone_svg\n"
        "print(standalone_svg(sample_page.frontier(), 'p'), end='')"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code]
    drawn = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert drawn == standalone_svg(sample_page.frontier(), "p")


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        (Plot(x_label="x", y_label="y", series=[]), "has no point"),
        (one(Point(x=nan, y=1)), "which an axis cannot show"),
        (one(Point(x=1, y=1, high=inf)), "which an axis cannot show"),
        (one(Point(x=0, y=1), log=True), "holds numbers above zero"),
        (Bars(unit="ms", bars=[]), "has no bar"),
        (Bars(unit="ms", bars=[Bar(name="a", parts=[])]), "has no parts"),
        (Bars(unit="ms", bars=[Bar(name="a", parts=[Part(name="", value=-1)])]), "start at zero"),
    ],
)
def test_what_cannot_be_drawn_is_refused(chart: Plot | Bars, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chart.html()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234.5, "1,234"), (0.00012345, "0.0001234"), (1e-6, "10⁻⁶"), (1.5e7, "1.5×10⁷")],
)
def test_numbers_are_written_for_reading(value: float, text: str) -> None:
    assert short(value) == text


values = st.floats(1e-9, 1e9)


@settings(max_examples=8, deadline=None)
@given(xs=st.lists(values, min_size=1, max_size=6), ys=st.lists(values, min_size=6, max_size=6))
def test_anything_that_is_allowed_is_drawn(xs: list[float], ys: list[float]) -> None:
    points = [Point(x=x, y=y, label="a") for x, y in zip(xs, ys, strict=False)]
    for log in (False, True):
        parsed(standalone_svg(one(*points, log=log), "p"))
