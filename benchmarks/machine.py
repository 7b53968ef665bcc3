"""What a measurement ran on."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.cpu import cpu_fields

ROOT: Final = Path(__file__).resolve().parents[1]
FLAGS: Final = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")
LIBRARIES: Final = ("numpy", "onnxruntime", "tokenizers", "torch")
GOVERNOR: Final = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
CODE: Final = (".", ":(exclude)benchmarks/results", ":(exclude)docs")
"""What makes a tree dirty: a run appends to its own results, which changes no code."""


def describe() -> dict[str, Any]:
    """CPU, cores allowed, load, library versions and commit; nothing that names the machine.

    Call it before measuring: the load is then somebody else's, and the commit is what ran.
    """
    fields = cpu_fields()
    present = fields.get("flags", "").split()
    changes = _git("status", "--porcelain", "--", *CODE)
    return {
        "cpu": fields.get("model name", platform.processor()),
        "flags": [flag for flag in FLAGS if flag in present],
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "governor": GOVERNOR.read_text(encoding="ascii").strip() if GOVERNOR.exists() else None,
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "commit": _git("rev-parse", "--short", "HEAD"),
        "dirty": None if changes is None else bool(changes),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """What git says about this checkout, or None where it is not one."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
