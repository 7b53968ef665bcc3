"""What tests/conftest.py gives to tests, for a machine without torch: bundles made elsewhere.

A plugin of pytest: `-p tests.device.fixtures`, with `EDGEBERT_DEVICE_BUNDLES` naming a folder of
`tests.support.device.write_bundles`.
"""

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from edgebert_runtime import Bundle

FOLDER: Final = Path(os.environ["EDGEBERT_DEVICE_BUNDLES"])


@pytest.fixture(scope="session")
def tiny_exported() -> Bundle:
    """The tiny encoder exported; shared, so never write into it."""
    return Bundle.open(FOLDER / "tiny-exported")


@pytest.fixture(scope="session")
def tiny_bundle() -> Bundle:
    """The tiny encoder exported and quantized; shared, so never write into it."""
    return Bundle.open(FOLDER / "tiny")


@pytest.fixture
def bundle(tmp_path: Path, tiny_bundle: Bundle) -> Bundle:
    """A copy of the tiny bundle that a test may damage."""
    return Bundle.open(shutil.copytree(tiny_bundle.folder, tmp_path / "copy"))
