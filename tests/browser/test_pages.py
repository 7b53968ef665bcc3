"""Pages in a real browser: nothing is clipped, on a phone and on a desk, light and dark.

A page is put into a frame of a given width, and a script beside it measures.
"""

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgebert.profiling.page import page_of
from edgebert.reporting.drawn_pages import drawn
from edgebert_runtime.benchmarking.report import page
from edgebert_runtime.reporting.html import html as html_of
from tests.support import sample_page
from tests.support.bench_reports import REPORT
from tests.support.browser import BROWSER
from tests.support.profile_reports import REPORT as PROFILE

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
WIDTHS = (390, 1280)

MEASURE = """
const frame = document.querySelector("iframe").contentDocument;
const clipped = [...frame.querySelectorAll("svg text")].filter((text) => {
  const chart = text.closest("svg").getBoundingClientRect(), box = text.getBoundingClientRect();
  const seen = chart.width > 0;
  return seen && (box.left < chart.left - 1 || box.right > chart.right + 1
    || box.top < chart.top - 1 || box.bottom > chart.bottom + 1);
});
const drawings = [...frame.querySelectorAll("svg")].filter((svg) => svg.clientWidth > 0);
document.title = JSON.stringify({
  scroll: frame.documentElement.scrollWidth,
  width: frame.documentElement.clientWidth,
  drawings: drawings.length,
  clipped: clipped.map((text) => text.textContent),
  smallest: Math.min(...drawings.map((svg) => svg.clientWidth / svg.viewBox.baseVal.width)),
  ground: getComputedStyle(frame.body).backgroundColor,
  focusable: frame.querySelectorAll(".scroll[tabindex='0'][aria-label]").length,
  scrolling: frame.querySelectorAll(".scroll").length,
});
"""

PAGES = {
    "bench": drawn(page(REPORT), REPORT),
    "profile": page_of(PROFILE),
    "sample": sample_page.page(),
}


def measured(text: str, width: int, folder: Path, *options: str) -> Any:
    frame = f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(text)}">'
    document = folder / "frame.html"
    document.write_text(
        f'<!DOCTYPE html><meta charset="utf-8">{frame}</iframe>'
        f"<script>onload = () => {{ {MEASURE} }};</script>",
        encoding="utf-8",
    )
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *options]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000"]
    command += ["--virtual-time-budget=5000", "--dump-dom", document.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<title>(.*?)</title>", done.stdout)
    assert found, done.stdout[:500]
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_clipped(name: str, width: int, tmp_path: Path) -> None:
    found = measured(html_of(PAGES[name]), width, tmp_path)
    assert found["scroll"] <= found["width"] <= width
    assert found["clipped"] == []
    assert found["drawings"] > 0
    assert found["smallest"] > 0.95  # letters are as large as they were drawn
    assert found["focusable"] == found["scrolling"]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_committed_report_fits(width: int, tmp_path: Path) -> None:
    text = (ROOT / "benchmarks" / "results" / "report.html").read_text(encoding="utf-8")
    found = measured(text, width, tmp_path)
    assert found["scroll"] <= found["width"] <= width
    assert found["clipped"] == []


def test_a_page_that_is_too_wide_is_seen(tmp_path: Path) -> None:
    wide = html_of(PAGES["sample"]).replace("<h1>", '<h1 style="width:600px">')
    found = measured(wide, 390, tmp_path)
    assert found["scroll"] > found["width"]
    moved = re.sub(r"(<text [^>]*?) x=\"[^\"]*\"", r'\1 x="-900"', html_of(PAGES["sample"]))
    moved = moved.replace("<text ", '<text dx="-900" ')
    assert measured(moved, 1280, tmp_path)["clipped"]


def test_both_colour_schemes(tmp_path: Path) -> None:
    text = html_of(PAGES["bench"])
    light = measured(text, 390, tmp_path, "--blink-settings=preferredColorScheme=1")
    dark = measured(text, 390, tmp_path, "--blink-settings=preferredColorScheme=0")
    assert light["ground"] == "rgb(255, 255, 255)"
    assert dark["ground"] == "rgb(20, 23, 28)"
