"""What a measurement ran on."""

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.benchmarking.machine import describe_machine

ROOT: Final = Path(__file__).resolve().parents[1]
LIBRARIES: Final = ("numpy", "onnxruntime", "tokenizers", "torch")
CODE: Final = (".", ":(exclude)benchmarks/results", ":(exclude)docs")
"""What makes a tree dirty: a run appends to its own results, which changes no code."""


def describe(root: Path = ROOT, libraries: Sequence[str] = LIBRARIES) -> dict[str, Any]:
    """CPU, cores allowed, load, library versions and commit; nothing that names the machine.

    Call it before measuring: the load is then somebody else's, and the commit is what ran.

    Args:
        root: the checkout.
        libraries: whose versions count.
    """
    described = describe_machine("cpu")
    changes = _git(root, "status", "--porcelain", "--", *CODE)
    return {
        **{name: described[name] for name in ("cpu", "flags", "cores", "governor", "load")},
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in libraries},
        "commit": _git(root, "rev-parse", "--short", "HEAD"),
        "dirty": None if changes is None else bool(changes),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(root: Path, *arguments: str) -> str | None:
    """What git says about a checkout, or None where it is not one."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
