"""The page on the runtime, run on tiny models: names are those of the server of the tests."""

import shutil
from pathlib import Path
from typing import Final

import pytest

from edgebert_runtime import Bundle
from tests.support.hub_server import environment, serving
from tests.support.page_blocks import run_page

PAGE: Final = Path(__file__).parents[2] / "docs" / "runtime.md"
TEXTS: Final = ("the cat sat .", "a dog ran")


@pytest.mark.documents
def test_every_block_of_the_page_runs(tmp_path: Path, tiny_bundle: Bundle) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("my-model", "old-model", "new-model"):
        shutil.copytree(tiny_bundle.folder, folder / name)
    (folder / "reviews.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    (folder / "reviews.csv").write_text("\n".join(("review", *TEXTS)) + "\n", encoding="utf-8")
    with serving() as hub:
        hub.publish("org/name", tiny_bundle.folder)
        hub.publish("org/name", tiny_bundle.folder, "v1.0")
        found = environment(hub, tmp_path / "home")
        settings = {name: value for name, value in found.items() if name.startswith("HF_")}
        assert len(list(run_page(PAGE.read_text(encoding="utf-8"), folder, **settings))) == 10
