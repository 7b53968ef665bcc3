"""The page on apps, run as it stands."""

import shutil
from pathlib import Path

import pytest

import edgebert
from edgebert_runtime import Bundle
from tests.support.page_blocks import run_page

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "phones.md"


@pytest.mark.documents
def test_the_page_runs(tiny_bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bundle.folder, tmp_path / "my-model")
    edgebert.set_default(folder, "int8")
    (tmp_path / "my-app").mkdir()
    assert list(run_page(PAGE.read_text(encoding="utf-8"), tmp_path))
