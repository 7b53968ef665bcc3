"""The built site: links, addresses, names, search, and how it looks on a phone."""

import importlib
import json
import re
import subprocess
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urldefrag

import pytest
import yaml

from tests.support.site_browser import measured
from tests.support.site_source import ROOT, SITE, build, pages, run_zensical, write_source

pytestmark = pytest.mark.documents

PACKAGES: Final = ("edgebert", "edgebert_export", "edgebert_quantize", "edgebert_runtime")
SEARCH: Final = ROOT / "tests" / "support" / "site_search.mjs"

LOADS: Final = ("script", "img", "iframe", "source", "video", "audio", "embed", "object", "input")
"""Elements whose `src` or `data` a browser fetches. It follows `a` only when somebody clicks."""

OUTSIDE: Final = re.compile(r"(?:https?:)?//(?=[\w-]+\.[\w.-]+)")
ADDRESS: Final = re.compile(r"https?://([\w.-]+)")
STYLE_FETCH: Final = re.compile(r"(?:url\(|@import)\s*[\"']?\s*((?:https?:)?//[^\"')]+)")

IN_SCRIPTS: Final = {
    "www.w3.org": (),  # the name of a vocabulary
    "api.github.com": ('data-md-component="source"',),
    "cdn.jsdelivr.net": ("pyodide",),
    "unpkg.com": ('class="mermaid"', "glightbox", "pyodide"),
}
"""Host that the theme's scripts name → what makes a page fetch from it; browsers of before 2020
fetch `ResizeObserver`, too."""


class Page(HTMLParser):
    """What a page links to, what it fetches, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.fetched.append(values["href"])
        if tag in LOADS:
            self.fetched += [values[name] for name in ("src", "data") if values.get(name)]
        self.fetched += [part.split()[0] for part in values.get("srcset", "").split(",") if part]
        self.fetched += STYLE_FETCH.findall(values.get("style", ""))


@pytest.fixture(scope="module")
def site() -> Path:
    """Built anew; a warning fails it."""
    done = build()
    assert done.returncode == 0, done.stdout + done.stderr
    return SITE


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def broken(parsed: dict[Path, Page]) -> Iterator[str]:
    """Links of pages that lead to no file, or to no anchor."""
    for path, page in parsed.items():
        for link in page.links + page.fetched:
            if re.match(r"[a-z]+:", link) or OUTSIDE.match(link):
                continue
            target, anchor = urldefrag(link)
            file = (path.parent / unquote(target)).resolve() if target else path.resolve()
            if not file.is_file():
                yield f"{path.name}: {link}"
            elif anchor and file in parsed and unquote(anchor) not in parsed[file].anchors:
                yield f"{path.name}: {link} has no such anchor"


def test_every_link_leads_somewhere(parsed: dict[Path, Page]) -> None:
    found = {path: page for path, page in parsed.items() if path.name != "404.html"}
    assert len(found) > 50
    assert list(broken({path.resolve(): page for path, page in found.items()})) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text("")
    text = '<a href="a.html"> <a href="b.html#x"> <img src="c.png"> <p id="y"> <a href="#y">'
    parsed = {tmp_path / "b.html": Page(text)}
    assert list(broken(parsed)) == [
        *("b.html: a.html", "b.html: b.html#x has no such anchor", "b.html: c.png")
    ]


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    write_source(tmp_path / "source")
    with (tmp_path / "source" / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write("\n[a](nowhere.md) [b](glossary.md#nowhere)\n")
    done = run_zensical(tmp_path / "source")
    assert done.returncode != 0
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    assert said.count("page does not exist") >= 1
    assert said.count("anchor does not exist") >= 1


def test_no_request_leaves_the_site(site: Path, parsed: dict[Path, Page]) -> None:
    fetched = {address for page in parsed.values() for address in page.fetched}
    assert [address for address in fetched if OUTSIDE.match(address)] == []
    for style in site.rglob("*.css"):
        assert STYLE_FETCH.findall(style.read_text(encoding="utf-8")) == [], style
    scripts = [path.read_text(encoding="utf-8") for path in site.rglob("*.js")]
    named = {host for text in scripts for host in ADDRESS.findall(text)}
    assert named <= IN_SCRIPTS.keys(), named - IN_SCRIPTS.keys()
    triggers = {each for needed in IN_SCRIPTS.values() for each in needed}
    for path in parsed:
        text = path.read_text(encoding="utf-8")
        assert [each for each in triggers if each in text] == [], path


def test_an_address_outside_is_seen() -> None:
    page = Page(
        '<script src="https://a.example.org/x.js"></script><link rel="stylesheet" '
        'href="//b.example.org/x.css"><p style="background:url(https://c.example.org/x)">'
        '<a href="https://d.example.org/"><img srcset="e.png 2x" src="e.png">'
    )
    found = [address for address in page.fetched if OUTSIDE.match(address)]
    assert [ADDRESS.sub(r"\1", each)[:3] for each in found] == ["a.e", "//b", "c.e"]


def test_every_page_of_docs_is_in_the_navigation() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = sorted(places(nav))
    written = {page for _, page in pages() if not page.startswith("decisions/0")}
    assert listed == sorted(written | {"decisions/index.md"})


def places(entry: object) -> Iterator[str]:
    """Every page of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        assert isinstance(entry, list | dict)
        for each in entry if isinstance(entry, list) else entry.values():
            yield from places(each)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(package: str, site: Path) -> None:
    names = set(importlib.import_module(package).__all__) - {"__version__", "errors"}
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    described = {line.split()[0] for line in zlib.decompress(inventory).decode().splitlines()}
    assert {f"{package}.{name}" for name in names} <= described


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("export my model", {"getting-started", "how-to/classifier"}),
        ("add a model family", {"contributing"}),
        ("accuracy lost by int8", {"concepts/quality", "how-to/quantize"}),
        ("entity offsets", {"how-to/tagger", "tasks/tag"}),
    ],
)
def test_search_finds_the_right_page_first(query: str, right: set[str], site: Path) -> None:
    """By the worker and the index that the site ships."""
    command = ["node", str(SEARCH), str(site), query]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(done.stdout)
    assert found, "nothing is found"
    assert found[0].partition(".html")[0] in right, found[:5]


LOOKED_AT: Final = (
    *("index.html", "getting-started.html", "how-to/quantize.html", "tasks/tag.html"),
    *("concepts/quality.html", "architecture.html", "bundle-format.html", "models.html"),
    *("reference/commands.html", "reference/errors.html", "reference/api/edgebert_runtime.html"),
    *("decisions/0004-int8.html", "benchmarks.html", "contributing.html", "changelog.html"),
)


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_pages_fit_a_phone_and_a_desk(
    scheme: str, is_dark: bool, site: Path, tmp_path: Path
) -> None:
    for found in measured(site, LOOKED_AT, (390, 1280), scheme, tmp_path):
        assert found["scroll"] <= found["width"], found
        assert found["text"] > 200, found
        assert found["outside"] == [], found
        assert (found["ground"] < 128) == is_dark, found
