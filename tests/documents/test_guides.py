"""The pages of docs/how-to on a checkpoint's task, run from beginning to end."""

from pathlib import Path

import pytest

from edgebert_runtime import Bundle
from tests.support import guide_checkpoints
from tests.support.guide_checkpoints import read_guide
from tests.support.made_once import MadeOnce
from tests.support.page_blocks import run_page

GUIDES = (
    *("classifier", "tagger", "long-documents", "reranking", "search", "server"),
    *("moving-from-optimum", "moving-from-sentence-transformers", "moving-from-transformers"),
    *("moving-from-fastembed", "explain", "attention", "batch", "cluster"),
)
LINES = range(60, 151)

pytestmark = pytest.mark.documents


@pytest.fixture(scope="session")
def names(made_once: MadeOnce) -> Path:
    """The folder with the checkpoint of a tagger."""
    return made_once("names", guide_checkpoints.write_names)


@pytest.mark.parametrize("name", GUIDES)
def test_a_page_is_one_job(name: str) -> None:
    """It begins with what the reader will have, and ends with where to go on."""
    page = read_guide(name)
    assert len(page.splitlines()) in LINES
    title, first, *_ = page.split("\n\n")
    assert title.startswith("# ")
    assert first.startswith("At the end of this page")
    assert page.rpartition("\n## ")[2].startswith("Next\n\n- [")


def test_a_classifier(tmp_path: Path) -> None:
    guide_checkpoints.write_tickets(tmp_path)
    assert list(run_page(read_guide("classifier"), tmp_path))


def test_a_tagger(tmp_path: Path, names: Path) -> None:
    (tmp_path / "my-checkpoint").symlink_to(names / "my-checkpoint")
    assert list(run_page(read_guide("tagger"), tmp_path))


@pytest.mark.parametrize("name", ["explain", "attention"])
def test_an_explanation(tmp_path: Path, names: Path, name: str) -> None:
    (tmp_path / "my-checkpoint").symlink_to(names / "my-checkpoint")
    assert list(run_page(read_guide(name), tmp_path))


def test_a_trimmed_vocabulary(tmp_path: Path) -> None:
    guide_checkpoints.write_for_trimming(tmp_path)
    assert list(run_page(read_guide("trim"), tmp_path))


def test_a_distilled_model(tmp_path: Path) -> None:
    guide_checkpoints.write_for_distilling(tmp_path)
    assert list(run_page(read_guide("distil"), tmp_path))


def test_a_batch_job(tmp_path: Path, tiny_exported: Bundle) -> None:
    (tmp_path / "my-model").symlink_to(tiny_exported.folder)
    assert list(run_page(read_guide("batch"), tmp_path))


def test_long_documents(tmp_path: Path) -> None:
    guide_checkpoints.write_questions(tmp_path)
    assert list(run_page(read_guide("long-documents"), tmp_path))


def test_moving_from_transformers(tmp_path: Path, names: Path) -> None:
    (tmp_path / "my-tagger").symlink_to(names / "my-checkpoint")
    ran = run_page(read_guide("moving-from-transformers"), tmp_path)
    theirs, ours = (block.printed for block in ran if block.title)
    assert theirs == ours
