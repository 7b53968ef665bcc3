"""A teacher, and texts that students learn from."""

from pathlib import Path

import pytest

from tests.support.distilling import write_texts
from tests.support.families import SAMPLES, build, save


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texts(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(build(SAMPLES["bert"]), tmp_path_factory.mktemp("teacher") / "bert")
