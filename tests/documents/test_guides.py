"""The pages of docs/how-to, run from beginning to end."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import guide_checkpoints
from tests.support.page_blocks import run_page

PAGES = Path(__file__).parents[2] / "docs" / "how-to"

pytestmark = pytest.mark.documents


def run(name: str, folder: Path, **environment: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert list(run_page(page, folder, **environment))


PREPARED: dict[str, Callable[[Path], None]] = {
    "classifier": guide_checkpoints.write_tickets,
    "tagger": guide_checkpoints.write_names,
    "long-documents": guide_checkpoints.write_questions,
}


@pytest.mark.parametrize("name", PREPARED)
def test_a_page_does_what_it_says(name: str, tmp_path: Path) -> None:
    PREPARED[name](tmp_path)
    run(name, tmp_path)
