"""Charts: where things are, what they say, and that anything that can be drawn is drawn well."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import nan
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.reporting.charts.drawing import width_of
from edgebert_runtime.reporting.charts.labels import Box
from edgebert_runtime.reporting.charts.svg import Chart, sheet, svg
from edgebert_runtime.reporting.document import Bar, Bars, Page, Part, Plot, Point, Section, Series
from tests.support import sample_page
from tests.support.page_parsing import parsed, places, texts, titles

NASTY = "<b>&\"quotes\" 'n' ]]> --> \x00\ud800"
ROOT = Path(__file__).parents[3]


def one(*points: Point, name: str = "", log: bool = False, joined: bool = True) -> Plot:
    series = [Series(name=name, points=points, joined=joined)]
    return Plot(x_label="tokens", y_label="ms", series=series, log_x=log, log_y=log)


DOT = one(Point(x=1, y=1), name="dot")


def circles(root: Element) -> list[tuple[float, float]]:
    return [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in root.iter("circle")]


def test_points_lie_where_their_values_are() -> None:
    root = parsed(svg(one(Point(x=0, y=0), Point(x=5, y=50), Point(x=10, y=100))))
    # Axes are 0…10 and 0…100. The field begins at 64 and ends at 616; above it is a line of
    # 16 × 1.3 and a gap of 10, and it is 320 high.
    assert circles(root) == [(64, 350.8), (340, 190.8), (616, 30.8)]
    line = next(root.iter("polyline"))
    assert line.attrib["points"] == "64.00,350.80 340.00,190.80 616.00,30.80"


def test_points_lie_where_their_logarithms_are() -> None:
    root = parsed(svg(one(Point(x=1, y=1), Point(x=10, y=0.01), Point(x=100, y=0.0001), log=True)))
    assert circles(root) == [(64, 30.8), (340, 190.8), (616, 350.8)]


def test_labels_of_axes_stand_at_their_ticks() -> None:
    root = parsed(svg(one(Point(x=0, y=0), Point(x=10, y=100))))
    at = {(each.text, each.attrib.get("text-anchor")): each.attrib for each in root.iter("text")}
    assert at["4", "middle"]["x"] == "284.8"  # 64 + 0.4 × 552
    assert at["40", "end"]["y"] == "227.47"  # 350.8 - 0.4 × 320, and a third of 14
    assert at["ms", None]["y"] == "16"
    assert at["tokens", None]["x"] == "64"


def test_whiskers_and_bands_reach_from_quartile_to_quartile() -> None:
    points = [Point(x=x, y=50, low=25, high=100) for x in (0, 10)]
    root = parsed(svg(one(*points, joined=False)))
    # The axis is 0…100: a quarter and all of it.
    assert [path.attrib["d"] for path in root.iter("path")][1:] == [
        f"M{x}.00,270.80 L{x}.00,30.80 M{x - 5}.00,270.80 L{x + 5}.00,270.80 "
        f"M{x - 5}.00,30.80 L{x + 5}.00,30.80"
        for x in (64, 616)
    ]
    band = next(parsed(svg(one(*points))).iter("polygon"))
    assert band.attrib["points"] == "64.00,30.80 616.00,30.80 616.00,270.80 64.00,270.80"


def test_a_band_is_broken_where_quartiles_are_not_known() -> None:
    known = [Point(x=x, y=2, low=1) for x in (0, 1, 3)]
    root = parsed(svg(one(*known[:2], Point(x=2, y=2), known[2])))
    assert len(list(root.iter("polygon"))) == 1
    assert len(list(root.iter("path"))) == 2  # the axes, and the whisker of the last


def test_stretches_lie_end_to_end() -> None:
    stretches = [Part(name="p", value=30), Part(name="q", value=20)]
    root = parsed(svg(Bars(unit="ms", bars=[Bar(name="abcd", parts=stretches)])))
    first, second = list(root.iter("rect"))[2:]  # after those of the legend
    # A letter is 0.64 × 14 wide, and so is a digit; 8 and 16 are gaps. The axis is 0…50.
    left, right = 4 * 0.64 * 14 + 8, 640 - 2 * 0.64 * 14 - 16
    ends = left + 0.6 * (right - left)
    assert float(first.attrib["x"]) == pytest.approx(left, abs=0.01)
    assert float(first.attrib["width"]) == pytest.approx(ends - left, abs=0.01)
    assert float(second.attrib["x"]) == pytest.approx(ends + 1, abs=0.01)  # apart
    assert float(second.attrib["width"]) == pytest.approx(right - ends - 1, abs=0.01)
    names = {
        each.text: each.attrib for each in root.iter("text") if each.get("class") == "fill-paper"
    }
    assert float(names["p"]["x"]) == pytest.approx((left + ends) / 2, abs=0.01)
    assert float(names["q"]["x"]) == pytest.approx((ends + right) / 2, abs=0.01)


def test_what_is_chosen_is_stronger() -> None:
    chosen, other = Series(name="a", points=[Point(x=1, y=1), Point(x=2, y=2)], chosen=True), None
    other = Series(name="b", points=[Point(x=1, y=2), Point(x=2, y=1)])
    root = parsed(svg(Plot(x_label="x", y_label="y", series=[chosen, other])))
    lines = [float(each.attrib["stroke-width"]) for each in root.iter("polyline")]
    assert lines == [2, 4]  # and above the other
    strong = [each.text for each in root.iter("text") if each.get("font-weight") == "bold"]
    assert strong == ["a"]
    bars = [Bar(name=name, parts=[Part(name="", value=1)], chosen=name == "a") for name in "ab"]
    root = parsed(svg(Bars(unit="ms", bars=bars)))
    strong = [each.text for each in root.iter("text") if each.get("font-weight") == "bold"]
    assert strong == ["a", "1"]
    assert [each.get("fill-opacity") for each in root.iter("rect")] == [None, None, "0.35"]


def test_fourteen_series_can_be_told_apart_and_named() -> None:
    plot = sample_page.latency(14)
    root = parsed(svg(plot))
    samples = [
        each for each in root.iter("g") if each.find("line") is not None and each.get("fill")
    ]
    looks = set()
    for each in samples:
        line = each.find("line")
        if line is not None and len(each) == 2:
            shape = each[1]
            corners = len(shape.get("points", "").split())
            looks.add((each.get("class"), line.get("stroke-dasharray"), shape.tag, corners))
    assert len(looks) == 14
    field = min(
        float(each.attrib["y1"]) for each in root.iter("line") if each.get("x1") == each.get("x2")
    )
    for series in plot.series:
        assert f"{series.name}" in titles(root)
        assert all(word in " ".join(texts(root)) for word in series.name.split())
    names = [
        each
        for each in root.iter("text")
        if each.get("font-size") == "14" and not each.get("text-anchor")
    ]
    assert len(names) >= 14
    assert all(float(each.attrib["y"]) < field for each in names)


def test_a_long_name_in_a_legend_takes_lines_that_cover_nothing() -> None:
    words = [f"{letter}{'n' * 25}" for letter in "abcd"]
    names = [" ".join(words), "short", "last"]
    series = [Series(name=name, points=DOT.series[0].points, chosen=True) for name in names]
    root = parsed(svg(Plot(x_label="x", y_label="y", series=series)))
    at = {each.text: (each.attrib["x"], float(each.attrib["y"])) for each in root.iter("text")}
    # Two columns of 320 hold a word each line; a line is 14 × 1.3.
    assert [at[word] for word in words] == [("42", pytest.approx(14 + 18.2 * n)) for n in range(4)]
    assert at["short"] == ("362", 14)
    assert at["last"] == ("42", pytest.approx(14 + 18.2 * 4))
    assert at["y"][1] > at["last"][1] + 16


def test_one_name_needs_no_legend() -> None:
    root = parsed(svg(one(Point(x=1, y=1), name="alone")))
    assert "alone" not in texts(root)
    assert titles(root) == ["alone\ntokens: 1\nms: 1"]


def test_marks_say_their_exact_values() -> None:
    point = Point(x=128, y=0.123456789012345, low=0.1, high=0.2, label="here")
    assert titles(parsed(svg(one(point, name="a")))) == [
        "a\nhere\ntokens: 128\nms: 0.123456789012345\nquartiles: 0.1 … 0.2"
    ]
    bar = Bar(name="b", parts=[Part(name="p", value=1.23456789), Part(name="q", value=0)], high=2)
    said = titles(parsed(svg(Bars(unit="ms", bars=[bar]))))
    assert "b\np: 1.23456789 ms\nof 1.23456789 ms\nquartiles: 1.23456789 … 2" in said
    assert any(title.startswith("b\nq: 0 ms") for title in said)


def test_narrow_stretches_have_a_title_only() -> None:
    root = parsed(svg(sample_page.operators()))
    written = texts(root)
    assert written.count("Attention") == 3  # the legend, and a bar each
    assert written.count("Unsqueeze") == 1
    assert sum("Unsqueeze: " in title for title in titles(root)) == 2


def test_labels_cover_nothing() -> None:
    spots = sample_page.frontier()
    root = parsed(svg(spots))
    labelled = [each for each in root.iter("text") if "halo" in each.attrib["class"]]
    wanted = {point.label for series in spots.series for point in series.points}
    assert {each.text for each in labelled} == wanted
    boxes = []
    for each in labelled:
        x, y, half = float(each.attrib["x"]), float(each.attrib["y"]), 3 * len(each.text or "")
        boxes.append(Box(x - half, y - 10, x + half, y))
    overlaps = [one.overlap(other) for one in boxes for other in boxes if one is not other]
    assert max(overlaps) == 0


@pytest.mark.parametrize("standalone", [True, False])
def test_any_name_can_be_drawn(standalone: bool) -> None:
    points = [Point(x=1, y=1, label=NASTY), Point(x=2, y=3)]
    series = [Series(name=f"{NASTY}{number}", points=points) for number in range(2)]
    plot = Plot(x_label=NASTY, y_label=NASTY, series=series, caption=NASTY)
    parts = [Part(name=NASTY, value=1), Part(name="b", value=2)]
    bars = Bars(unit=NASTY, bars=[Bar(name=NASTY, parts=parts)])
    for chart in (plot, bars):
        root = parsed(svg(chart, standalone=standalone, page=NASTY))
        readable = NASTY.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
        assert any(readable in title for title in titles(root))
        assert not list(root.iter("b"))


def test_a_file_needs_nothing_else() -> None:
    for chart in (sample_page.latency(14), sample_page.engines(), sample_page.operators()):
        drawn = svg(chart, standalone=True)
        assert drawn.replace("http://www.w3.org/2000/svg", "", 1).count("http") == 0
        assert drawn.count("@media (prefers-color-scheme:dark)") == 1
        assert "var(" not in drawn
        assert {each.tag for each in parsed(drawn).iter()} <= {
            "svg", "style", "rect", "g", "path", "line", "polyline", "polygon", "circle", "text",
            "title",
        }  # fmt: skip
        assert "http" not in svg(chart)


def test_every_class_has_a_colour_in_both_schemes() -> None:
    root = parsed(svg(sample_page.operators(), standalone=True))
    light, _, dark = (next(root.iter("style")).text or "").partition("@media")
    used = {name for each in root.iter() for name in each.get("class", "").split()} - {"chart"}
    assert len(used) > 5
    for name in used:
        assert f".chart .{name}{{" in light
        assert f".chart .{name}{{" in dark


def test_the_same_chart_has_the_same_bytes() -> None:
    code = (
        "from tests.support import sample_page\n"
        "from edgebert_runtime.reporting.charts.svg import sheet\n"
    )
    command = [sys.executable, "-c", f"{code}print(sheet(sample_page.page()), end='')"]
    drawn = [
        subprocess.run(
            command,
            capture_output=True,
            check=True,
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
        ).stdout
        for seed in ("1", "2")
    ]
    assert drawn[0] == drawn[1] == sheet(sample_page.page()).encode()


def test_a_sheet_has_all_charts_below_each_other() -> None:
    drawn = sheet(sample_page.page())
    root = parsed(drawn)
    tops = [
        float(each.attrib["transform"].split(",")[1][:-1])
        for each in root.iter("g")
        if "transform" in each.attrib
    ]
    assert len(tops) == 6
    assert all(after - before > 100 for before, after in pairwise(tops))
    assert float(root.attrib["viewBox"].split()[3]) > tops[-1]
    assert "Benchmarks <of> edgebert & others" in texts(root)
    with pytest.raises(ConfigError, match=r"no chart to draw; write it as \.html"):
        sheet(Page(title="empty", sections=[Section(title="s")]))


@pytest.mark.parametrize(
    "chart",
    [
        one(Point(x=3, y=7)),
        one(Point(x=3, y=7), log=True),
        one(Point(x=0, y=0)),
        one(*[Point(x=5, y=5)] * 3),
        one(Point(x=5, y=5), Point(x=5, y=5 + 1e-15), log=True),
        Plot(x_label="", y_label="", series=[Series(name="", points=[]), *DOT.series]),
        Bars(unit="ms", bars=[Bar(name="", parts=[Part(name="", value=0)])]),
        Bars(unit="ms", bars=[Bar(name="a", parts=[Part(name="b", value=0)] * 3, low=0, high=0)]),
        Bars(unit="ms", bars=[Bar(name="word " * 99, parts=[Part(name="x" * 999, value=1)] * 2)]),
    ],
)  # fmt: skip
def test_little_is_drawn_too(chart: Chart) -> None:
    assert_inside(chart)


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        (Plot(x_label="x", y_label="y", series=[]), "plot of 'y' has no point"),
        (Plot(x_label="x", y_label="y", series=[Series(name="a", points=[])]), "has no point"),
        (one(Point(x=nan, y=1), name="a"), "x in 'a' is nan"),
        (one(Point(x=1, y=float("inf")), name="a"), "y in 'a' is inf"),
        (one(Point(x=1, y=1, low=nan), name="a"), "y in 'a' is nan"),
        (one(Point(x=1, y=1e200), name="a"), "an axis cannot show"),
        (one(Point(x=1, y=0), log=True, name="a"), "y in 'a' is 0 on a logarithmic axis"),
        (one(Point(x=1, y=1, low=-1), log=True, name="a"), "y in 'a' is -1 on a logarithmic"),
        (Bars(unit="ms", bars=[]), "chart in 'ms' has no bar"),
        (Bars(unit="ms", bars=[Bar(name="a", parts=[])]), "bar 'a' has no parts"),
        (Bars(unit="ms", bars=[Bar(name="a", parts=[Part(name="b", value=-1)])]), "start at zero"),
    ],
)
def test_what_cannot_be_drawn_is_refused(chart: Chart, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        svg(chart)


def assert_inside(chart: Chart) -> None:
    """Every point that is named, and all text, lie in the view box; NaN and infinity do not."""
    root = parsed(svg(chart))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width == 640
    for x, y in places(root):
        assert 0 <= x <= width
        assert 0 <= y <= height
    for left, right in extents(root):
        assert -1 <= left <= right <= width + 1


def extents(root: Element) -> Iterator[tuple[float, float]]:
    """Where lines of text begin and end, as far as can be known."""
    for each in root.iter("text"):
        strong, size = each.get("font-weight") == "bold", int(each.get("font-size", "16"))
        wide = width_of(each.text or "", size, strong=strong)
        before = {"start": 0.0, "middle": 0.5, "end": 1.0}[each.get("text-anchor", "start")]
        left = float(each.attrib["x"]) - before * wide
        yield left, left + wide


positive = st.floats(1e-100, 1e100) | st.floats(0.001, 1e4)
signed = st.one_of(positive, positive.map(lambda value: -value), st.just(0.0))
names = st.text(max_size=30) | st.just("")


def points_of(x: st.SearchStrategy[float], y: st.SearchStrategy[float]) -> st.SearchStrategy[Point]:
    maybe = st.none() | y
    return st.builds(Point, x=x, y=y, low=maybe, high=maybe, label=names)


@st.composite
def plots(draw: Callable[..., bool]) -> Plot:
    log_x, log_y = draw(st.booleans()), draw(st.booleans())
    points = points_of(positive if log_x else signed, positive if log_y else signed)
    series = st.builds(
        Series,
        name=names,
        points=st.lists(points, min_size=1, max_size=6),
        joined=st.booleans(),
        chosen=st.booleans(),
    )
    found = st.lists(series, min_size=1, max_size=9)
    return draw(
        st.builds(
            Plot,
            x_label=names,
            y_label=names,
            series=found,
            log_x=st.just(log_x),
            log_y=st.just(log_y),
        )
    )


@settings(deadline=None)
@given(plots())
def test_all_of_a_plot_lies_inside(plot: Plot) -> None:
    assert_inside(plot)


amounts = positive | st.just(0.0)
parts = st.lists(st.builds(Part, name=names, value=amounts), min_size=1, max_size=20)
bars = st.builds(
    Bar,
    name=names,
    parts=parts,
    low=st.none() | amounts,
    high=st.none() | amounts,
    chosen=st.booleans(),
)


@settings(deadline=None)
@given(st.builds(Bars, unit=names, bars=st.lists(bars, min_size=1, max_size=6)))
def test_all_of_bars_lies_inside(chart: Bars) -> None:
    assert_inside(chart)


def imports_of(path: Path) -> set[str]:
    """Packages at the top that a module imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        elif isinstance(node, ast.Import):
            names += [each.name for each in node.names]
    return {name.partition(".")[0] for name in names}


def test_pages_need_the_standard_library_only() -> None:
    allowed = {"edgebert_runtime", *sys.stdlib_module_names}
    modules = [
        path
        for folder in {Path(inspect.getfile(each)).parent for each in (Page, svg)}
        for path in folder.rglob("*.py")
    ]
    assert {"document.py", "html.py", "markdown.py", "svg.py"} <= {path.name for path in modules}
    assert {path.name: imports_of(path) - allowed for path in modules} == {
        path.name: set() for path in modules
    }


def test_an_import_from_elsewhere_is_found(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text("import os, numpy.linalg\ndef f():\n    from onnx import helper\n")
    assert imports_of(path) == {"os", "numpy", "onnx"}
