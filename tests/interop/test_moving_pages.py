"""The two programs of each page on moving from another tool give the same; run by .ci/interop."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.page_blocks import run_page

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
OURS = Path(os.environ["EDGEBERT_PYTHON"])
PYTHONS = {
    "edgebert": OURS,
    "fastembed": Path(os.environ["EDGEBERT_FASTEMBED"]),
    "optimum": Path(sys.executable),
    "sentence-transformers": Path(sys.executable),
}
LINKS = {
    "all-MiniLM-L6-v2": os.environ["EDGEBERT_MINILM"],
    "minilm-onnx": os.environ["EDGEBERT_BUNDLE"],
    "my-checkpoint": os.environ["EDGEBERT_CLASSIFIER"],
}
"""What the pages call what was made before."""

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("name", ["fastembed", "optimum", "sentence-transformers"])
def test_both_programs_of_a_page_give_the_same(name: str, tmp_path: Path) -> None:
    page = (PAGES / f"moving-from-{name}.md").read_text(encoding="utf-8")
    for link, source in LINKS.items():
        (tmp_path / link).symlink_to(source)
    if name != "optimum":  # whose page exports
        (tmp_path / "my-model").symlink_to(os.environ["EDGEBERT_BUNDLE"])
    path = os.pathsep.join((str(OURS.parent), os.environ["PATH"]))
    ran = run_page(page, tmp_path, pythons=PYTHONS, PATH=path)
    theirs, ours = (block.printed for block in ran if block.title)
    assert theirs == ours
