"""Documents, help and messages are plain: no private words, short sentences, values in cells.

`COINED` holds words and phrases that were used here in a sense of their own, with what to write.
Words that the glossary defines, and those of the field, are not among them. `EXCEPTIONS` names
pages that are still to be rewritten.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from typer.testing import CliRunner

import edgebert
import edgebert_export
import edgebert_quantize
import edgebert_runtime
from edgebert.cli import app as build_side
from edgebert_runtime.cli.main import command_summaries, main
from tests.support.prose import cells, length, literals, plain, sentences

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = (
    *("edgebert", "export/edgebert_export", "quantize/edgebert_quantize"),
    "runtime/edgebert_runtime",
)

CELL: Final = 20
"""Words of a table's cell."""
SENTENCE: Final = 36
"""Words up to a full stop or a semicolon."""

COINED: Final[Mapping[str, str]] = {
    "all the same not": "still not",
    "anew": "again",
    "answers otherwise": "gives other answers",
    "as one has it": "by default",
    "as they come": "in the order in which they come",
    "bare libraries": "name the libraries",
    "be had": "is not available",
    "belief": "the score or the distribution of scores",
    "compute nothing": "stub libraries",
    "cut to length 1": "clipped to norm 1",
    "harmed": "damaged",
    "hears? of": "reads",
    "holes?": "masks with gaps",
    "is had": "name the source",
    "kept (?:graph|settings)": "cached graph, stored settings",
    "no-?one's facts": "illustrative only",
    "nobody": "name who does not, or what was not done",
    "nothing can be said": "there is no result",
    "of equals": "ties are broken by",
    "ours": "edgebert's",
    "over what is there": "replaces an existing file",
    "overrul\\w+": "overrides",
    "put together of": "consists of",
    "said (?:of|at|to be)": "reported",
    "takes away the warning": "clears the warning",
    "that nothing is ahead of": "ranked first",
    "the yes": "the positive label",
    "theirs": "name the tool",
    "(?:is|are|were) told apart": "are distinguished",
    "twins?": "the runnable equivalent, or the emulation",
    "what becomes of": "what to do with",
    "what it went by": "the reason for its choice",
    "where no variant is asked for": "the default variant",
    "which tells": "which shows",
}
"""A word or phrase as a regular expression → what to write in its place."""

PRIVATE: Final = re.compile(rf"\b(?:{'|'.join(COINED)})\b", re.IGNORECASE)

EXCEPTIONS: Final[Mapping[str, str]] = {
    "docs/checkpoints.md": "its cells list the sources of each layout",
}
"""Page → why it is not checked."""

TEXTS_TO_TOKENIZE: Final = {
    "edgebert/checkpoints/token_gate/corpus.py",
    "runtime/edgebert_runtime/verification/sample_recorder.py",
}
"""Modules whose strings are texts for a model, not messages."""


def pages() -> list[str]:
    """README, changelog and everything under docs but decisions, which keep their words."""
    readmes = (ROOT / name / "README.md" for name in ("runtime", "export", "quantize"))
    found = [*ROOT.glob("*.md"), *readmes, *(ROOT / "docs").rglob("*.md")]
    names = (path.relative_to(ROOT).as_posix() for path in found)
    return sorted(name for name in names if not name.startswith("docs/decisions/"))


def coined(text: str) -> list[str]:
    """The private words of a text, each with what to write."""
    return [
        f"{found[0]!r}: write {better!r}"
        for pattern, better in COINED.items()
        for found in re.finditer(rf"\b{pattern}\b", text, re.IGNORECASE)
    ]


def too_long(texts: Iterator[str], bound: int) -> list[str]:
    return [f"{length(text)} words: {text}" for text in texts if length(text) > bound]


checked_pages = pytest.mark.parametrize("page", sorted({*pages()} - EXCEPTIONS.keys()))


@checked_pages
def test_a_page_is_plain(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert coined(plain(text)) == []
    assert too_long(cells(text), CELL) == []
    assert too_long(sentences(text), SENTENCE) == []


@pytest.mark.parametrize("page", EXCEPTIONS)
def test_an_exception_is_still_needed(page: str) -> None:
    """A page that is gone or plain by now leaves the list."""
    path = ROOT / page
    assert path.exists()
    with pytest.raises(AssertionError):
        test_a_page_is_plain(page)


@pytest.mark.parametrize("name", [*command_summaries(), ""])
def test_help_of_the_runtime_is_plain(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*name.split(), "--help"], "edgebert-run")
    assert coined(capsys.readouterr().out) == []


@pytest.mark.parametrize("name", [*build_side.COMMANDS, ""])
def test_help_of_the_build_side_is_plain(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    found = CliRunner().invoke(build_side.app, [*name.split(), "--help"])
    assert found.exit_code == 0
    assert coined(found.stdout) == []


@cache
def modules(package: str) -> list[Path]:
    """Modules with messages."""
    found = (ROOT / package).rglob("*.py")
    return [path for path in found if path.relative_to(ROOT).as_posix() not in TEXTS_TO_TOKENIZE]


@pytest.mark.parametrize("package", PACKAGES)
def test_messages_are_plain(package: str) -> None:
    """Every string of the code: errors, notes, help, pages and model cards."""
    bad = [
        f"{path.relative_to(ROOT)}:{line}: {found}"
        for path in modules(package)
        if PRIVATE.search(source := path.read_text(encoding="utf-8"))
        for line, text in literals(source)
        for found in coined(text)
    ]
    assert bad == []


@pytest.mark.parametrize(
    "package", [edgebert, edgebert_export, edgebert_quantize, edgebert_runtime]
)
def test_docstrings_of_public_names_are_plain(package: ModuleType) -> None:
    """Of what the reference of the API shows."""
    bad = [
        f"{package.__name__}.{name}: {found}"
        for public in package.__all__
        for name, value in members(public, getattr(package, public))
        for found in coined(inspect.getdoc(value) or "")
    ]
    assert bad == []


def members(name: str, value: object) -> Iterator[tuple[str, object]]:
    """A public name and, of a class, its public members."""
    yield name, value
    if inspect.isclass(value):
        names = (each for each in vars(value) if not each.startswith("_"))
        yield from ((f"{name}.{each}", getattr(value, each)) for each in names)


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (coined, "A twin of the graph was made anew."),
        (lambda text: too_long(cells(text), CELL), f"| a |\n|---|\n| {'word ' * 21}|"),
        (lambda text: too_long(sentences(text), SENTENCE), "word " * 37 + "end."),
        (lambda text: [*coined(" ".join(t for _, t in literals(text)))], "x = f'{y} of ours'"),
    ],
    ids=["word", "cell", "sentence", "message"],
)
def test_these_checks_can_fail(check: Callable[[str], list[str]], wrong: str) -> None:
    assert len(check(wrong)) >= 1


def test_code_pictures_and_links_are_no_prose() -> None:
    page = (
        "Run `twin` or [a page](nobody.md).\n\n![nobody](x.svg)\n\n```sh\nhole\n```\n"
        "<!-- ours -->\n\n| a `b c` | d |\n|---|---:|\n| 1 | 2 |\n"
    )
    assert coined(plain(page)) == []
    assert list(cells(page)) == ["a code", "d", "1", "2"]
    assert list(sentences(page)) == ["Run code or a page."]
