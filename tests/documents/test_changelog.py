"""The changelog has the form of Keep a Changelog 1.1.0, and invents no release."""

import re
from pathlib import Path
from typing import Final

import pytest

from edgebert._version import __version__ as of_edgebert
from edgebert_export._version import __version__ as of_export
from edgebert_quantize._version import __version__ as of_quantize
from edgebert_runtime._version import __version__ as of_runtime

CHANGELOG: Final = Path(__file__).parents[2] / "CHANGELOG.md"
KINDS: Final = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""Of changes, in the order in which the format lists them."""

RELEASE: Final = re.compile(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})")
ENTRY: Final = re.compile(r"- \S.*\(#\d+(?:, #\d+)*\)\.?")


def problems(text: str) -> list[str]:
    """What is not of the form, with its line."""
    found = [
        f"line {text.count(chr(10), 0, gap.end()) + 1}: an empty line within a list"
        for gap in re.finditer(r"^- .*\n\n(?=- )", text, re.MULTILINE)
    ]
    kinds: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("## "):
            kinds = []
            if line != "## [Unreleased]" and not RELEASE.fullmatch(line[3:]):
                found.append(f"line {number}: neither [Unreleased] nor [1.2.3] - 2026-01-31")
        elif kinds is not None and line.startswith("### "):
            kinds.append(line[4:])
            if kinds != [kind for kind in KINDS if kind in kinds]:
                found.append(f"line {number}: {line[4:]} is unknown, there twice or out of order")
        elif kinds is not None and line and not (kinds and ENTRY.fullmatch(line)):
            found.append(f"line {number}: expected an entry of a section that ends with (#issue)")
    return found


def releases(text: str) -> list[tuple[str, ...]]:
    """Version and date of each release, the newest first."""
    return RELEASE.findall(text)


def test_the_changelog_has_the_form() -> None:
    assert problems(CHANGELOG.read_text(encoding="utf-8")) == []


def test_releases_are_in_order_and_of_the_code() -> None:
    text = CHANGELOG.read_text(encoding="utf-8")
    assert len({of_edgebert, of_export, of_quantize, of_runtime}) == 1
    assert re.findall(r"^## (.*)", text, re.MULTILINE)[0] == "[Unreleased]"
    found = releases(text)
    assert found == sorted(found, key=lambda each: each[1], reverse=True)
    assert [version for version, _ in found[:1]] in ([], [of_edgebert])
    assert bool(found) != ("Nothing has been released yet" in text)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ("## Unreleased\n\n### Added\n\n- A (#1).", ["line 1"]),
        ("## [1.0.0]\n\n### Added\n\n- A (#1).", ["line 1"]),
        ("## [1.0.0] - 2026-01-31\n\n### Added\n\n- A.", ["line 5"]),
        ("## [Unreleased]\n\n### Added\n\n- A (#1).\n\n- B (#1).", ["line 7"]),
        ("## [Unreleased]\n\n### Fixed\n\n- A (#1).\n\n### Added\n\n- B (#2).", ["line 7"]),
        ("## [Unreleased]\n\n### News\n\n- A (#1).", ["line 3"]),
        ("## [Unreleased]\n\n- A (#1).", ["line 3"]),
        ("## [Unreleased]\n\n### Added\n\n- A (#1).\n  and more", ["line 6"]),
        ("## [1.0.0] - 2026-01-31\n\n### Added\n\n- A (#1).\n- B (#2, #3).", []),
    ],
)
def test_another_form_is_found(changed: str, found: list[str]) -> None:
    assert [problem.partition(":")[0] for problem in problems(changed)] == found
