"""The pages of concepts do what they show."""

from functools import partial
from pathlib import Path
from typing import Final

import pytest

from edgebert_export.targets import DEFAULT_TARGETS, TARGETS
from edgebert_quantize import RECIPES
from edgebert_runtime import Bundle
from tests.support.made_once import MadeOnce
from tests.support.page_blocks import read_blocks, run_page
from tests.support.page_models import learnt, learnt_bundle, save_learnt

FOLDER: Final = Path("docs/concepts")
PAGES: Final = ("parity", "quality", "batch-invariance", "text-to-answer")


@pytest.fixture
def folder(tmp_path: Path, made_once: MadeOnce, tiny_bundle: Bundle) -> Path:
    """Models under the names that the pages use."""
    changed = made_once("learnt-longer", partial(save_learnt, "classify", steps=90))
    for name, there in (
        ("checkpoint", learnt(made_once, "classify")),
        ("another-checkpoint", changed),
        ("my-classifier", learnt_bundle(made_once, "classify")),
        ("my-tagger", learnt_bundle(made_once, "tag")),
        ("my-embedder", tiny_bundle.folder),
    ):
        (tmp_path / name).symlink_to(there)
    return tmp_path


@pytest.mark.documents
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_a_concept_runs(name: str, folder: Path) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert len(list(run_page(text, folder))) == len(read_blocks(text)) > 0


def test_the_page_of_bundles_has_every_target_precision_and_recipe() -> None:
    text = (FOLDER / "bundle.md").read_text(encoding="utf-8")
    rows = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    assert all(f"`{name}`" in rows["| target"] for name in TARGETS)
    assert all(f"`{name}`" in rows["| recipe"] for name in RECIPES)
    assert all(f"`{each.precision}`" in rows["| precision"] for each in RECIPES.values())
    assert all(Path(target.file).name in text for target in (TARGETS["portable"], TARGETS["cpu"]))
    for name, made in DEFAULT_TARGETS.items():
        assert f"{name.ljust(5)} → {', '.join(made)}" in text


def test_the_drawing_of_the_way_names_rooms_that_exist() -> None:
    text = (FOLDER / "text-to-answer.md").read_text(encoding="utf-8")
    drawing = text.split("```")[1]
    rooms = {path.name for path in Path("runtime/edgebert_runtime").iterdir() if path.is_dir()}
    shown = {room for room in rooms if f" {room}" in drawing}
    assert shown >= rooms - {
        "benchmarking",
        "integrations",
        "measurement",
        "reporting",
        "verification",
        "__pycache__",
    }
