"""The blocks of docs/own-modules.md, run as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from edgebert_runtime import Bundle
from tests.support.families import SAMPLES, build, save

PAGE = (Path(__file__).parents[1] / "docs" / "own-modules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", PAGE, re.DOTALL | re.M)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the blocks find what they name."""
    torch.manual_seed(0)
    source = save(build(SAMPLES["bert"]), tmp_path / "path/to/checkpoint")
    source.parent.joinpath("tokenizer").mkdir()
    source.parent.joinpath("tokenizer/tokenizer.json").write_bytes(
        (source / "tokenizer.json").read_bytes()
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_four() -> None:
    assert len(BLOCKS) == PAGE.count("```python") == 4


@pytest.mark.parametrize(("title", "code"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_a_block_runs(title: str, code: str, folder: Path) -> None:
    # the tokenizer of the test has a few ids more than the page's modules
    code = code.replace("vocabulary=1000", "vocabulary=1003")
    names: dict[str, Any] = {}
    exec(compile(code, title, "exec"), names)  # noqa: S102 - that is what a reader does
    (bundle,) = (Bundle.open(path.parent) for path in folder.glob("*/edgebert.json"))
    assert bundle.folder == names["bundle"].folder.resolve()
    answers = names["vectors"] if "vectors" in names else names["answer"]
    width = bundle.manifest.task.embedding and bundle.manifest.task.embedding.dimensions
    assert getattr(answers, "shape", None) == (width and (2, width))
