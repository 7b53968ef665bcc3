"""The page for beginners, run on real weights: the Hub is the server of the tests.

The device's half runs where importing torch, transformers or onnx fails.
"""

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from examples.minilm import minilm_folder
from tests.support.hub_server import environment, serving
from tests.support.page_blocks import run_page

PAGE: Final = Path(__file__).parents[2] / "docs" / "getting-started.md"
ON_THE_DEVICE: Final = "## 6. Copy"
NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"
BUILD_ONLY: Final = ("torch", "transformers", "onnx", "onnx_ir", "onnxscript")


def forbid(folder: Path) -> str:
    """A search path on which the packages of the build machine cannot be imported."""
    for name in BUILD_ONLY:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise ImportError('{name} is not here')\n")
    return os.pathsep.join([str(folder), *filter(None, sys.path)])


@pytest.mark.documents
def test_a_checkpoint_of_the_hub_answers_on_a_device(tmp_path: Path) -> None:
    build, device = PAGE.read_text(encoding="utf-8").split(ON_THE_DEVICE)
    device, update = device.split("## 10. Update")
    folder = tmp_path / "work"
    folder.mkdir()
    with serving() as hub:
        hub.publish(NAME, minilm_folder().resolve())
        found = environment(hub, tmp_path / "home")
        settings = {name: value for name, value in found.items() if name.startswith("HF_")}
        assert len(list(run_page(build, folder, **settings))) == 5
    nowhere = forbid(tmp_path / "forbidden")
    assert len(list(run_page(device, folder, PYTHONPATH=nowhere))) == 3
    assert len(list(run_page(update, folder))) == 2
    assert not (folder / "new-model").exists()
    assert (folder / "old-model").is_dir()
