"""The README's two blocks, run twice from top to bottom as they stand."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from edgebert.cli.main import main
from edgebert.model.encoder import Encoder
from edgebert_runtime import Bundle
from tests.support.tiny_encoder import WIDER, save_tiny

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def first_block(language: str) -> str:
    """The first block of a language that exports a checkpoint."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if "path/to/checkpoint" in block)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the blocks find what they name; int8 is faster than fp32 in a model of this size."""
    torch.manual_seed(0)
    (tmp_path / "path/to").mkdir(parents=True)
    save_tiny(Encoder(WIDER).eval(), tmp_path / "path/to/checkpoint")
    (tmp_path / "reviews.csv").write_text("text\nthe cat sat .\na dog ran\n", encoding="utf-8")
    monkeypatch.setenv("EDGEBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shell_block(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = first_block("sh").splitlines()
    assert len(lines) > 10
    for line in [*lines, *lines]:
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, f"{line}: {capsys.readouterr().err}"
    manifest = Bundle.open(folder / "my-model").manifest
    assert manifest.default_variant == "int8"
    assert "int8-static" not in manifest.variants
    assert (folder / "vectors.npy").exists()


def test_the_python_block(folder: Path) -> None:
    code = compile(first_block("python"), "README.md", "exec")
    for _ in range(2):
        names: dict[str, object] = {}
        exec(code, names)  # noqa: S102 - that is what a reader does
        assert getattr(names["vectors"], "shape", None) == (2, WIDER.hidden)
    assert Bundle.open(folder / "my-model").manifest.default_variant == "int8"
