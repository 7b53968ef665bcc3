"""A page as markdown with its figures."""

import os
from pathlib import Path

import pytest

from benchmarks.report.markdown import figures, markdown, write_markdown
from edgebert.reporting.drawing import standalone_svg
from edgebert.reporting.plots import Plot, Point, Series
from edgebert_runtime.errors import ConfigError, OutputError
from edgebert_runtime.reporting.document import Page, Section, Table
from tests.support import sample_page
from tests.support.page_parsing import parsed

DOT = Plot(x_label="x [1]", y_label="y", series=[Series(name="", points=[Point(x=1, y=1)])])


def page(*titles: str) -> Page:
    return Page(title="P", sections=[Section(title=title, blocks=[DOT]) for title in titles])


def test_a_page_by_hand() -> None:
    table = Table(
        columns=["name", "ms"], rows=[["a|b `c|d`", "1.5"], ["<x>", "–"]], caption="In short."
    )
    given = Page(
        title="A & B",
        lead="First.\n\n- not a list, but `code * here` and 2 * 3",
        sections=[
            Section(title="One", text="1. snake_case _x_", command="run `this`", blocks=[table]),
            Section(title="Two", command="a\nb", blocks=[DOT, DOT]),
        ],
    )
    assert (
        markdown(given, "figures")
        == r"""# A &amp; B

First.

\- not a list, but `code * here` and 2 \* 3

## One

1\. snake_case \_x\_

Measure this again: `` run `this` ``

In short.

| name | ms |
|---|---:|
| a\|b `c\|d` | 1.5 |
| &lt;x&gt; | – |

## Two

Measure this again:

```sh
a
b
```

![y over x \[1\]](figures/two.svg)

![y over x \[1\]](figures/two-2.svg)
"""
    )


def test_figures_have_names_of_their_own() -> None:
    assert list(figures(page("A", "a!", "A 2"))) == ["a.svg", "a-2.svg", "a-2-2.svg"]
    assert len(figures(sample_page.page())) == 6


def test_pages_are_written_with_their_figures(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    place, folder = tmp_path / "docs" / "page.md", tmp_path / "my figures"
    write_markdown(sample_page.page(), place, folder)
    text = place.read_text(encoding="utf-8")
    for name, chart in figures(sample_page.page()).items():
        assert f"](../my%20figures/{name})" in text
        drawn = (folder / name).read_text(encoding="utf-8")
        assert parsed(drawn).attrib["data-page"] == "../docs/page.md"
        assert drawn == standalone_svg(chart, "../docs/page.md")
    assert len(os.listdir(folder)) == 6
    assert os.listdir(tmp_path / "docs") == ["page.md"]


def test_figures_that_a_page_lost_are_removed_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    write_markdown(page("A", "B"), tmp_path / "one.md", folder)
    write_markdown(page("C"), tmp_path / "two.md", folder)
    (folder / "mine.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (folder / "note.txt").write_text("../one.md")
    (folder / "link.svg").symlink_to("a.svg")
    (folder / "bytes.svg").write_bytes(b"\xff\xfe")
    write_markdown(page("B"), tmp_path / "one.md", folder)
    left = ["b.svg", "bytes.svg", "c.svg", "link.svg", "mine.svg", "note.txt"]
    assert sorted(os.listdir(folder)) == left


def test_a_figure_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    write_markdown(page("A"), tmp_path / "one.md", folder)
    before = (folder / "a.svg").read_bytes()
    with pytest.raises(OutputError, match=r"a\.svg exists and was not drawn for two\.md"):
        write_markdown(page("B", "A"), tmp_path / "two.md", folder)
    assert (folder / "a.svg").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["figures", "one.md"]
    assert os.listdir(folder) == ["a.svg"]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"gone is not a folder; create it"):
        write_markdown(page("A"), tmp_path / "gone" / "page.md", tmp_path / "figures")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file cannot be created: .*; choose another folder"):
        write_markdown(page("A"), tmp_path / "page.md", tmp_path / "file")
    with pytest.raises(OutputError, match="no/figures cannot be created"):
        write_markdown(page("A"), tmp_path / "page.md", tmp_path / "no" / "figures")
    bad = Page(title="", sections=[Section(title="", blocks=[DOT, Table(columns=[], rows=[])])])
    with pytest.raises(ConfigError):
        write_markdown(bad, tmp_path / "page.md", tmp_path / "figures")
    assert os.listdir(tmp_path) == ["file"]
