"""Folders that every worker of one run of pytest reads, and only the first that asks makes."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

MadeOnce = Callable[[str, Callable[[Path], object]], Path]
"""From a folder's name, and a function that makes it, to the folder."""


def maker(factory: pytest.TempPathFactory) -> MadeOnce:
    """Under the run's temporary folder; a lock a folder holds back whoever asks meanwhile."""
    base = factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once"
    root.mkdir(exist_ok=True)

    def made_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, made = root / name, root / f"{name}.made"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed half-way
                make(folder)
                made.touch()
        return folder

    return made_once
