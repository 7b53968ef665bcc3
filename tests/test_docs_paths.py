"""Every path and every name of a module that the documents give exists."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

ROOTS: Final = (
    *(".ci", "benchmarks", "docs", "edgebert", "examples", "export", "quantize", "runtime"),
    "tests",
)
"""Folders of the repository that documents name."""

PACKAGES: Final = ("edgebert", "edgebert_runtime", "edgebert_export", "edgebert_quantize")

ELSEWHERE: Final = {"handler.py", "modeling_bert.py"}
"""Modules that are not of this repository, or that a document has the text of."""

FILES: Final = {"edgebert.json", "edgebert.service"}
"""Names of files that look like those of a module."""

SPAN: Final = re.compile(r"`([^`\n]+)`")
PATH: Final = re.compile(rf"(?:{'|'.join(map(re.escape, ROOTS))})/[\w./-]*")
MODULE: Final = re.compile(r"[\w/]+\.py")
LINK: Final = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
DOTTED: Final = re.compile(rf"\b(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+\b")
OPERATORS: Final = re.compile(r"edgebert\.native(\.\w+)?")
"""The domain of the native encoder's operator in a graph, and its settings of a session."""

ADAPTER: Final = re.compile(r"edgebert(_runtime)?\.integrations\.")
"""Needs its framework: tests/interop runs the page that names it."""

IMPORT: Final = re.compile(
    rf"^from ((?:{'|'.join(PACKAGES)})[\w.]*) import ([\w, ]+)", re.MULTILINE
)


def documents() -> list[Path]:
    """README, changelog and everything under docs."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(
        [
            *pages,
            *(
                ROOT / name / "README.md"
                for name in ("runtime", "runtime/native", "export", "quantize")
            ),
        ]
    )


def missing_paths(text: str, folder: Path) -> Iterator[str]:
    """What a document names and the repository lacks.

    Args:
        text: of the document.
        folder: where it lies; links are relative to it.
    """
    files = {
        path.relative_to(ROOT).as_posix() for root in ROOTS for path in (ROOT / root).rglob("*.py")
    }
    for span in SPAN.findall(text):
        name = span.partition("::")[0]
        if PATH.fullmatch(name):
            if not (ROOT / name).exists():
                yield name
        elif (
            MODULE.fullmatch(name)
            and name not in ELSEWHERE
            and not any(f"/{file}".endswith(f"/{name}") for file in files)
        ):
            yield name
    for link in LINK.findall(text):
        path = (folder / link).resolve()
        if "://" not in link and not path.exists():
            yield link


def missing_names(text: str) -> Iterator[str]:
    """Dotted names of our packages that cannot be imported."""
    spans = [name for span in SPAN.findall(text) for name in DOTTED.findall(span)]
    imported = [
        f"{module}.{name.strip()}"
        for module, names in IMPORT.findall(text)
        for name in names.split(",")
    ]
    for name in dict.fromkeys([*spans, *imported]):
        foreign = ADAPTER.match(name) or OPERATORS.fullmatch(name)
        if name not in FILES and not foreign and not is_there(name):
            yield name


def is_there(name: str) -> bool:
    """Whether a dotted name is a module or what a module has."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_document_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert list(missing_paths(text, page.parent)) == []
    assert list(missing_names(text)) == []


def test_what_does_not_exist_is_found() -> None:
    """The check can fail."""
    text = (
        "`tests/no/such.py`, `tests/test_docs_paths.py`, `runtime/nowhere/`, `runtime/`,\n"
        "`tests/test_docs_paths.py::test`, `no_such.py`, `tasks/spec.py`, `asks/spec.py`,\n"
        "[a](nowhere.md), [b](docs/runtime.md#start), [c](https://example.org/nowhere)"
    )
    assert list(missing_paths(text, ROOT)) == [
        *("tests/no/such.py", "runtime/nowhere/", "no_such.py", "asks/spec.py", "nowhere.md")
    ]
    text = (
        "`edgebert_runtime.load`, `edgebert_runtime.nothing`, `edgebert_runtime.tasks`,\n"
        "`edgebert_runtime.engine.providers.PROVIDERS`, `edgebert_runtime.checking.check()`\n"
        "from edgebert_runtime import load, unload\n"
    )
    assert list(missing_names(text)) == [
        "edgebert_runtime.nothing",
        "edgebert_runtime.checking.check",
        "edgebert_runtime.unload",
    ]
