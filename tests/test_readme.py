"""The README is short, and its examples run twice from top to bottom as they stand."""

import re
import shlex
import sys
from pathlib import Path
from typing import Final

import pytest
import torch

from edgebert.cli.main import main
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from edgebert_runtime.cli.main import main as main_of_the_device
from tests.support.page_blocks import read_blocks
from tests.support.tiny_encoder import WIDER, save_tiny

README: Final = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"
"""Of a model on the Hub; a folder of that name comes first."""
MAINS: Final = {"edgebert": main, "edgebert-run": main_of_the_device}


def example(language: str) -> str:
    """The block of a language that exports a checkpoint."""
    found = [block.code for block in read_blocks(README) if block.language == language]
    return next(code for code in found if NAME in code)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the blocks find what they name; int8 is faster than fp32 in a model of this size."""
    torch.manual_seed(0)
    (tmp_path / NAME).parent.mkdir()
    save_tiny(Encoder(WIDER).eval(), tmp_path / NAME)
    (tmp_path / "reviews.csv").write_text("text\nthe cat sat .\na dog ran\n", encoding="utf-8")
    monkeypatch.setenv("EDGEBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_two_commands_are_those_of_the_makefile() -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"`make ([\w-]+)`", README)
    assert {"demo", "test"} <= set(named)
    assert [name for name in named if f"\n{name}:" not in makefile] == []


def test_the_shell_block(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = example("sh").splitlines()
    assert len(lines) == 5
    for line in [*lines, *lines]:
        arguments = shlex.split(line, comments=True)
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            sys.exit(MAINS[arguments[0]]())
        assert not ended.value.code, f"{line}: {capsys.readouterr().err}"
    assert Bundle.open(folder / "my-model").manifest.default_variant == "int8"
    assert (folder / "vectors.npy").exists()


def test_the_python_block(folder: Path) -> None:
    code = compile(example("python"), "README.md", "exec")
    for _ in range(2):
        names: dict[str, object] = {}
        exec(code, names)  # noqa: S102 - that is what a reader does
        assert getattr(names["vectors"], "shape", None) == (2, WIDER.hidden)
    assert Bundle.open(folder / "my-model").manifest.default_variant == "int8"
