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
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.pairing import PeerError
from edgebert_runtime.storage.cache_dir import default_cache_dir

HERE: Final = Path(__file__).resolve().parent
LOCATION_VARIABLE: Final = "EDGEBERT_ENVIRONMENTS"
VENV: Final = (sys.executable, "-m", "venv")


Build = Callable[[Path, Path], None]
"""Makes an environment: the folder it is to fill, and the file of requirements."""


def with_pip(folder: Path, requirements: Path) -> None:
    """Make an environment, and let its pip install what it needs.

    Raises:
        PeerError: pip failed.
    """
    subprocess.run([*VENV, str(folder)], check=True, stdout=sys.stderr)
    _install(folder / "bin" / "python", requirements)


@cache
def interpreter(name: str, requirements: Path = HERE, build: Build = with_pip) -> Path:
    """Python of the environment `name`, installed from `name`.txt unless that is done already.

    Environments lie in the user's cache, or where `EDGEBERT_ENVIRONMENTS` says, so that checkouts
    share them. The folder's name has a hash of the requirements and of the Python below it: what
    has changed is made anew beside the old one. Other processes wait while one makes it.

    Args:
        name: of the environment.
        requirements: the folder of `name`.txt.
        build: makes the environment.

    Raises:
        FileNotFoundError: there is no `name`.txt.
        PeerError: pip failed and nothing is left behind; or this user has no cache.
    """
    wanted = requirements / f"{name}.txt"
    location = _location()
    folder = location / f"{name}-{_digest(wanted)}"
    if not folder.exists():
        location.mkdir(parents=True, exist_ok=True)
        with (location / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _make(folder, wanted, build)
    return folder / "bin" / "python"


def _location() -> Path:
    chosen = os.environ.get(LOCATION_VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    user = default_cache_dir()
    if user is None:
        raise PeerError(f"caches are switched off; name a folder with {LOCATION_VARIABLE}")
    return user.absolute() / "environments"


def _digest(requirements: Path) -> str:
    """Of everything the environment depends on."""
    python = f"{sys.base_prefix} {sys.version_info.major}.{sys.version_info.minor}\n"
    return hashlib.sha256(python.encode() + requirements.read_bytes()).hexdigest()[:12]


def _make(folder: Path, requirements: Path, build: Build) -> None:
    """Install everything beside, then rename: what has its name is whole.

    Its Python runs from there, but console scripts keep the first name: use `python -m`.
    """
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
    try:
        build(part, requirements)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


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
