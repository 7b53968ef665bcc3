"""The pages of tasks: every task has one, its tables are the code's, and transformers agrees."""

import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

import pytest

import edgebert
from edgebert_runtime.tasks.registry import BUILT_IN, require_task
from edgebert_runtime.tokenization.sliding_window import shared_tokens, slide
from tests.support.made_once import MadeOnce
from tests.support.page_blocks import COMMANDS, Block, assert_prints, read_blocks
from tests.support.page_models import learnt, learnt_bundle
from tests.support.task_pages import FOLDER, entries, filled, page, spelt, table

BUNDLE: Final = re.compile(r'load\("([\w-]+)"\)')
NUMBER: Final = re.compile(r"-?\d+\.\d*(?:e-?\d+)?")
MEASURED: Final = re.compile(r"\b\d+\.\d+(?:e-\d+)?\b")
CONCEPTS: Final = Path("docs/concepts")
LINK: Final = re.compile(r"\]\((\.\./[\w/.-]+\.md)")


def test_every_task_has_a_page_and_is_in_the_index() -> None:
    names = {page(require_task(task)).name for task in BUILT_IN}
    assert {path.name for path in FOLDER.glob("*.md")} == names | {"index.md"}
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in index for name in names)


@pytest.mark.parametrize("task", BUILT_IN)
def test_the_tables_of_a_page_are_those_of_the_code(task: str) -> None:
    spec = require_task(task)
    text = page(spec).read_text(encoding="utf-8")
    assert filled(spec, text) == text, "write them anew: python -m tests.support.task_pages"


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- options"):
        filled(require_task("tag"), "# Tag\n")


def test_a_docstring_is_read_by_its_sections() -> None:
    said = (
        "One.\n\nArgs:\n    a: first,\n        and more.\n    b, c: both.\n\nReturns:\n    d: no.\n"
    )
    assert entries(said, "Args") == {"a": "first, and more.", "b": "both.", "c": "both."}
    assert spelt(tuple[int, ...] | None) == "tuple[int, ...] | None"
    assert table([("a|b",), ("c",)]) == "| a\\|b |\n| --- |\n| c |\n"


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        *((page(require_task(task)), "Accuracy after int8") for task in BUILT_IN),
        (CONCEPTS / "quality.md", "What int8 costs, measured"),
        (CONCEPTS / "batch-invariance.md", "Measured"),
    ],
    ids=lambda each: each.stem if isinstance(each, Path) else "",
)
def test_what_was_measured_is_quoted_from_a_document(path: Path, heading: str) -> None:
    _, _, rest = path.read_text(encoding="utf-8").partition(f"## {heading}\n")
    section = rest.partition("\n## ")[0]
    links = [link for link in LINK.findall(section) if "/concepts/" not in link]
    there = " ".join((path.parent / link).read_text(encoding="utf-8") for link in links)
    quoted = MEASURED.findall(section)
    assert quoted
    assert [number for number in quoted if number not in MEASURED.findall(there)] == []


def test_the_windows_that_are_drawn_are_those_that_run() -> None:
    drawing = page(require_task("embed")).read_text(encoding="utf-8").split("```text\n")[3]
    (text,), (limit, *_) = (
        re.findall(r"0 +(\d+)\n", drawing),
        re.findall(r"(\d+) tokens\n", drawing),
    )
    room = int(limit) - 2
    shared = shared_tokens(int(limit), room, None)
    lengths = [len(window) + 2 for window in slide(int(text), room, shared)]
    assert [int(each) for each in re.findall(r"(\d+) tokens\n", drawing)] == lengths
    assert f"stride: {shared} tokens" in drawing
    assert f"/ {sum(lengths)}\n" in drawing


def folder_of(task: str, text: str, tmp_path: Path, made_once: MadeOnce, minilm: Path) -> Path:
    """A folder with the checkpoint and the bundle of a page, under the names that it uses."""
    found = BUNDLE.search(text)
    assert found is not None
    checkpoint = minilm if task == "embed" else learnt(made_once, task)
    bundle = (
        made_once("minilm-fp32", partial(edgebert.export, minilm))
        if task == "embed"
        else learnt_bundle(made_once, task)
    )
    (tmp_path / "checkpoint").symlink_to(checkpoint)
    (tmp_path / found[1]).symlink_to(bundle)
    return tmp_path


def printed(block: Block, folder: Path) -> str:
    """What a block prints; Python runs here, where transformers is imported once for all pages."""
    if block.language == "sh":
        command = [*COMMANDS["sh"], block.code]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout
    program = folder / "program.py"
    program.write_text(block.code, encoding="utf-8")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as out:
        runpy.run_path(str(program), run_name="__main__")
    return out.getvalue()


def assert_same(ours: str, theirs: str) -> None:
    """Two printed answers: equal but for numbers, which differ in rounding at most."""
    assert NUMBER.sub("#", ours).split() == NUMBER.sub("#", theirs).split()
    pairs = list(zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True))
    assert [float(one) for one, _ in pairs] == pytest.approx(
        [float(other) for _, other in pairs], abs=2e-3
    )


@pytest.mark.documents
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("task", BUILT_IN)
def test_a_page_runs_and_transformers_prints_the_same(
    task: str,
    tmp_path: Path,
    made_once: MadeOnce,
    minilm: Path,
    commands_on_path: None,
) -> None:
    text = page(require_task(task)).read_text(encoding="utf-8")
    folder = folder_of(task, text, tmp_path, made_once, minilm)
    blocks = read_blocks(text)
    assert [block.language for block in blocks] == ["python", "sh", "python"]
    shown = [printed(block, folder) for block in blocks]
    for block, out in zip(blocks, shown, strict=True):
        if block.output is not None:
            assert_prints(block.output, out, f"the block of line {block.line}")
    assert_same(shown[0], shown[2])


@pytest.fixture
def commands_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `run_page` has it: the commands of this Python."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


def test_answers_that_differ_are_told_apart() -> None:
    assert_same("PER 0.9981", "PER  0.9982")
    for other in ("LOC 0.9981", "PER 0.9781", "PER 0.9981 1"):
        with pytest.raises(AssertionError):
            assert_same("PER 0.9981", other)
