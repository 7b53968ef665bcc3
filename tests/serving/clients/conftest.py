"""A server of a bundle of every task, and the models that it serves, to compare answers with.

This folder runs in the environment of the clients, which has no torch: `.ci/serving` writes the
bundles before, and names their folder.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from edgebert_runtime import load
from tests.support.served import Served, serving


@pytest.fixture(scope="session")
def bundles() -> Path:
    return Path(os.environ["EDGEBERT_SERVED"])


@pytest.fixture(scope="session")
def served(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a key, as clients that refuse to send none need it."""
    folder = tmp_path_factory.mktemp("served")
    keys = folder / "keys"
    keys.write_text("secret\n", encoding="utf-8")
    keys.chmod(0o600)
    named = sorted(each for each in bundles.iterdir() if each.is_dir())
    with serving(folder, *named, "--api-key-file", keys) as running:
        yield running


@pytest.fixture(scope="session")
def model(bundles: Path) -> Any:
    """From the name of a bundle to its model in this process."""
    return cache(lambda name: load(bundles / name))
