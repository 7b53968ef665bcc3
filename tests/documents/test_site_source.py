"""The copy of the pages that the site is built from."""

import pytest

from tests.support.site_source import decisions, with_links


@pytest.mark.parametrize(
    ("place", "page", "link", "expected"),
    [
        ("CONTRIBUTING.md", "contributing.md", "docs/architecture.md", "architecture.md"),
        ("CONTRIBUTING.md", "contributing.md", "docs/how-to/a.md#b", "how-to/a.md#b"),
        ("CONTRIBUTING.md", "contributing.md", "SECURITY.md", "security.md"),
        ("CONTRIBUTING.md", "contributing.md", ".ci/run", None),
        ("docs/how-to/a.md", "how-to/a.md", "../../examples/search.py", None),
        ("docs/how-to/a.md", "how-to/a.md", "../../CHANGELOG.md", "../changelog.md"),
        ("docs/how-to/a.md", "how-to/a.md", "../decisions/", "../decisions/index.md"),
        ("docs/how-to/a.md", "how-to/a.md", "../runtime.md#by-name", "../runtime.md#by-name"),
        ("docs/how-to/a.md", "how-to/a.md", "../figures/a.svg", "../figures/a.svg"),
        ("docs/a.md", "a.md", "nowhere.txt", "nowhere.txt"),
        ("docs/a.md", "a.md", "../nowhere.py", "../nowhere.py"),
        ("docs/a.md", "a.md", "https://example.org/x", "https://example.org/x"),
        ("docs/a.md", "a.md", "#here", "#here"),
    ],
)
def test_a_link_leads_to_the_same_file(
    place: str, page: str, link: str, expected: str | None
) -> None:
    found = with_links(f"a [text]({link}) of it", place, page)
    named = f"text (`{link.removeprefix('../../')}`)"
    assert found == f"a {named if expected is None else f'[text]({expected})'} of it"


def test_a_file_without_a_page_is_named_once() -> None:
    found = with_links("[`.ci/run`](.ci/run) [b](docs/a.md)", "SECURITY.md", "security.md")
    assert found == "`.ci/run` [b](a.md)"


def test_code_is_left_alone() -> None:
    text = "```python\nf[0](docs/a.md)\n```\n[a](docs/a.md)"
    found = with_links(text, "SECURITY.md", "security.md")
    assert found == "```python\nf[0](docs/a.md)\n```\n[a](a.md)"


def test_every_decision_has_a_line() -> None:
    lines = decisions().splitlines()
    assert "| 0030 | [Charts are drawn on the build machine](0030-charts.md) |" in lines
