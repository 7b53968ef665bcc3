"""Pinned environments of peers, made on demand.

`python -m benchmarks.environments peers` prints the interpreter of the environment in `peers.txt`,
making it first if needed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.pairing import PeerError

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = HERE.parents[1] / ".cache" / "environments"
LOCATION_VARIABLE: Final = "EDGEBERT_ENVIRONMENTS"
MARKER: Final = "complete"


@cache
def interpreter(name: str) -> Path:
    """Python of the environment `name`, installed from `name`.txt unless that is done already.

    It lives in `.cache/environments`, or where `EDGEBERT_ENVIRONMENTS` says.

    Raises:
        FileNotFoundError: there is no `name`.txt.
        PeerError: pip failed; nothing is left behind.
    """
    requirements = HERE / f"{name}.txt"
    content = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get(LOCATION_VARIABLE) or CACHE)
    folder = cache / f"{name}-{sys.version_info.major}.{sys.version_info.minor}-{content}"
    if not (folder / MARKER).exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / MARKER).exists():
                _make(folder, requirements)
    return folder / "bin" / "python"


def _make(folder: Path, requirements: Path) -> None:
    """Install everything, then say so with the marker: without it the folder is debris."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, stdout=sys.stderr)
        _install(folder / "bin" / "python", requirements)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / MARKER).touch()


def _install(python: Path, requirements: Path) -> None:
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    lines = requirements.read_text(encoding="utf-8").splitlines()
    torch = [line for line in lines if line.startswith("torch==")]
    for wanted in (torch, ["-r", str(requirements)]):
        if wanted:
            done = subprocess.run(
                [*pip, *wanted], check=False, env=quiet, stdout=sys.stderr, stderr=subprocess.PIPE
            )
            if done.returncode:
                reason = done.stderr.decode(errors="replace").strip()[-400:]
                raise PeerError(f"{requirements.stem} cannot be installed: {reason}")
