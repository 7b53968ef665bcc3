"""docs/interop.md is what a run says, but for the numbers that differ between machines."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import pytest

from tests.support import interop_page
from tests.support.interop_rows import Row, read

ROW: Final = Row(loader="b", version="2.0", task="embed", file="fp32", difference=3e-8)
ROWS: Final = [
    ROW,
    replace(ROW, difference=4.2e-7),
    replace(ROW, difference=0.0),
    replace(ROW, version="1.0", difference=None, refusal="IR version 11"),
    replace(ROW, loader="a", file="int8", through="adapter", difference=0.0),
]


def stored(folder: Path, rows: list[Row]) -> str:
    path = folder / "rows"
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_of_rows_of_one_kind_the_worst_is_kept(tmp_path: Path) -> None:
    assert read(Path(stored(tmp_path, ROWS))) == [ROWS[4], ROWS[3], ROWS[1]]


def test_a_row_says_its_difference_or_its_refusal() -> None:
    page = interop_page.page(read_rows := [ROWS[4], ROWS[3], ROWS[1]])
    assert "| a | 2.0 | embed | int8 | `adapter` | 0 |" in page
    assert "| b | 1.0 | embed | fp32 |  | refused: IR version 11 |" in page
    assert "| b | 2.0 | embed | fp32 |  | 4.2e-7 |" in page
    short = interop_page.short_table(read_rows).splitlines()
    assert "| b | 1.0, 2.0 | embed | fp32 | fp32 in 1.0 | 4.2e-7 |" in short


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 0),
        ({"difference": 1e-6}, 0),
        ({"difference": None, "refusal": "no"}, 1),
        ({"version": "2.1"}, 1),
        ({"loader": "c"}, 1),
    ],
)
def test_only_differences_may_change(
    change: dict[str, object], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- loaders -->\n<!-- /loaders -->\nafter\n", encoding="utf-8")
    monkeypatch.setattr(interop_page, "PAGE", tmp_path / "interop.md")
    monkeypatch.setattr(interop_page, "README", readme)
    assert interop_page.main(stored(tmp_path, ROWS[1:2] + ROWS[4:])) == 0
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n<!-- loaders -->\n\n")
    assert text.endswith("\n<!-- /loaders -->\nafter\n")
    assert "| a | 2.0 | embed | int8 |  | 0 |" in text
    changed = [replace(ROWS[1], **change), *ROWS[4:]]
    assert interop_page.main(stored(tmp_path, changed), "--compare") == status


def test_the_committed_page_has_every_loader_that_is_promised() -> None:
    page = interop_page.PAGE.read_text(encoding="utf-8")
    rows = {tuple(line.split(" | ")[:2]) for line in page.splitlines() if line.startswith("| ")}
    assert {
        *(("| transformers.js", "3.8.1"), ("| transformers.js", "4.3.2")),
        *(("| sentence-transformers", "5.7.0"), ("| sentence-transformers", "6.2.0")),
    } <= rows
    assert {
        *("chromadb", "fastembed", "haystack-ai", "langchain-core", "llama-index-core", "mteb"),
        *("onnxruntime-openvino", "onnxruntime-web", "optimum-onnx"),
    } <= {loader.removeprefix("| ") for loader, *_ in rows}
