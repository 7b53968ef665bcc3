"""A page as HTML: whole, alone, readable."""

import os
import re
from pathlib import Path

import pytest

from edgebert_runtime.errors import ConfigError, OutputError
from edgebert_runtime.reporting.document import Page, Section, Table
from edgebert_runtime.reporting.html import html, write_html
from tests.support import sample_page
from tests.support.page_parsing import Document


@pytest.fixture(scope="module")
def page() -> str:
    return html(sample_page.page())


def test_every_tag_is_closed_and_the_parser_of_tests_can_fail(page: str) -> None:
    Document(page)
    with pytest.raises(AssertionError):
        Document(page.replace("</figure>", "", 1))
    with pytest.raises(AssertionError):
        Document(page.replace("</main>", "</nav>", 1))


def test_it_reaches_for_nothing(page: str) -> None:
    assert not re.search(r"https?:|//|url\((?!#)|@import|<script|<link|<img|\bsrc=", page)
    addresses = [given["href"] or "" for given in Document(page).named("a")]
    assert all(address.startswith("#") for address in addresses)


def test_it_fits_a_phone_and_both_schemes(page: str) -> None:
    document = Document(page)
    metas = {given.get("name"): given.get("content") for given in document.named("meta")}
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    assert metas["color-scheme"] == "light dark"
    style = document.text_of("style")[0]
    light, _, dark = style.partition("@media (prefers-color-scheme:dark)")
    defined = [set(re.findall(r"(--[\w-]+):#", scheme)) for scheme in (light, dark)]
    assert defined[0] == defined[1]
    assert set(re.findall(r"var\((--[\w-]+)\)", style)) <= defined[0]
    scrolling = [given for given in document.named("div") if given.get("class") == "scroll"]
    assert len(scrolling) == len(document.named("table")) == 1
    assert "position:sticky" in style


def test_contents_lead_to_every_section(page: str) -> None:
    document = Document(page)
    ids = [given["id"] for given in document.named("h2")]
    assert [f"#{name}" for name in ids] == [given["href"] for given in document.named("a")]
    assert ids == ["latency-over-batch-sizes", "every-way-to-quantize", "memory", "throughput"]
    levels = [tag for tag, _ in document.elements if re.fullmatch(r"h\d", tag)]
    assert levels == ["h1", "h2", "h2", "h2", "h2"]


def test_sections_of_one_name_have_addresses_of_their_own() -> None:
    sections = [Section(title=title) for title in ("A b!", "a B", "a-b-2", "…", "")]
    ids = [given["id"] for given in Document(html(Page(title="", sections=sections))).named("h2")]
    assert ids == ["a-b", "a-b-2", "a-b-2-2", "section", "section-2"]


def test_charts_say_what_they_are(page: str) -> None:
    charts = Document(page).named("svg")
    assert all(given["role"] == "img" for given in charts)
    assert len(charts) == 12  # one for each screen
    assert charts[6]["aria-label"] == "peak memory, MiB over tokens of a text: fp32, int8"


def test_all_that_was_said_is_there(page: str) -> None:
    document = Document(page)
    assert document.text_of("h1") == ["Benchmarks <of> edgebert & others"]
    assert document.text_of("p")[:2] == ["Everything here was made up.", "Below 1 we are faster."]
    assert document.text_of("code") == [
        "int8",
        "python -m benchmarks.encoder_latency --model minilm",
        "python -m benchmarks.quantization \\\n    --texts '<a | b>' --rounds 7",
    ]
    assert document.text_of("div").count("measure this again\n") == 2
    assert document.text_of("figcaption")[-1] == "Where the time of one text goes."
    heads, cells = document.text_of("th"), document.text_of("td")
    for row in (sample_page.quantized().columns, *sample_page.quantized().rows):
        assert all(cell in (*heads, *cells) for cell in row)


def test_numbers_are_aligned_and_words_are_not(page: str) -> None:
    heads = [given for given in Document(page).named("th") if given["scope"] == "col"]
    assert [given.get("class") for given in heads] == [None, *["number"] * 4, None]


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        (("1", "-2.5", "−3", "1,200", "1.2e-05", "2×10⁻⁵"), True),
        (("0.35 (0.33…0.38)", "12 %", "3.5 ms", "<1", "–", ""), True),
        (("", "–"), False),
        (("1", "yes"), False),
        (("24 static, 12 float",), False),
        (("1×128",), False),
    ],
)
def test_what_a_number_is(cells: tuple[str, ...], number: bool) -> None:
    table = Table(columns=["name", "value"], rows=[["a", cell] for cell in cells])
    page = html(Page(title="", sections=[Section(title="", blocks=[table])]))
    assert ('<th scope="col" class="number">' in page) == number


def test_a_page_may_be_empty() -> None:
    document = Document(html(Page(title="nothing")))
    assert document.text_of("h1") == ["nothing"]
    assert not document.named("nav")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table(columns=["a", "b"], rows=[["1"]]), r"1 cells, \['1'\], its columns are 2: a, b"),
        (Table(columns=[], rows=[]), "no columns"),
    ],
)
def test_tables_that_do_not_fit_are_refused(table: Table, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        html(Page(title="", sections=[Section(title="", blocks=[table])]))


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text("old")
    with pytest.raises(ConfigError):
        write_html(
            Page(title="", sections=[Section(title="", blocks=[Table(columns=[], rows=[])])]), place
        )
    assert place.read_text() == "old"
    write_html(sample_page.page(), str(place))
    assert place.read_bytes() == html(sample_page.page()).encode()
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_link_stands_for_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "link.html").symlink_to("real.html")
    write_html(sample_page.page(), tmp_path / "link.html")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").read_text(encoding="utf-8").startswith("<!DOCTYPE")


@pytest.mark.parametrize("name", ["gone/page.html", "folder", "file/page.html"])
def test_where_nothing_can_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(OutputError, match=r"cannot be written: .*; name a file in a folder that"):
        write_html(sample_page.page(), tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"
