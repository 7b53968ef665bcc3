"""Pinned environments of peers, made on demand.

`python -m benchmarks.environments peers` prints the interpreter of the environment in `peers.txt`,
making it first if needed; `python -m benchmarks.environments node` prints the folder of packages
for Node, and `python -m benchmarks.environments arm64` a Python for arm64 on an emulated CPU.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.pairing import PeerError
from edgebert_runtime.storage.cache_dir import default_cache_dir

HERE: Final = Path(__file__).resolve().parent
WEB: Final = HERE.parents[1] / "runtime" / "web"
LOCATION_VARIABLE: Final = "EDGEBERT_ENVIRONMENTS"
VENV: Final = (sys.executable, "-m", "venv")


Build = Callable[[Path, Path], None]
"""Makes an environment: the folder it is to fill, and the file of requirements."""


def with_npm(folder: Path, lock: Path) -> None:
    """Install what a package-lock.json names, without running a script of any package.

    Raises:
        PeerError: npm failed, or is not here.
    """
    folder.mkdir()
    for name in ("package.json", lock.name):
        shutil.copyfile(lock.with_name(name), folder / name)
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], "node", folder)


def with_script(folder: Path, script: Path) -> None:
    """Let a script make it, which is given the folder and a Python that has pip.

    Raises:
        PeerError: the script failed.
    """
    _run(["bash", str(script), str(folder), sys.executable], script.stem)


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

    Args:
        name: of the environment.
        requirements: the folder of `name`.txt.
        build: makes the environment.

    Raises:
        FileNotFoundError, PeerError: as `environment`.
    """
    return environment(name, requirements / f"{name}.txt", build) / "bin" / "python"


def node_packages() -> Path:
    """The folder whose `node_modules` has what node/package-lock.json names.

    Raises:
        PeerError: as `environment`.
    """
    return environment("node", HERE / "node" / "package-lock.json", with_npm)


def web_packages() -> Path:
    """The folder whose `node_modules` has what runtime/web/package-lock.json names.

    Raises:
        PeerError: as `environment`.
    """
    return environment("web", WEB / "package-lock.json", with_npm)


def arm64_interpreter() -> Path:
    """Python for arm64 on an emulated CPU, which the variable `QEMU_CPU` names.

    Raises:
        PeerError: as `environment`.
    """
    return environment("arm64", HERE / "arm64.sh", with_script) / "bin" / "python"


def environment(name: str, wanted: Path, build: Build) -> Path:
    """The folder of an environment, made from the file of what it needs unless it is there.

    Environments lie in the user's cache, or where `EDGEBERT_ENVIRONMENTS` says, so that checkouts
    share them. The folder's name has a hash of the requirements and of the Python below it: what
    has changed is made anew beside the old one. Other processes wait while one makes it.

    Args:
        name: of the environment.
        wanted: the file of requirements.
        build: makes the environment.

    Raises:
        FileNotFoundError: there is no such file.
        PeerError: it cannot be installed and nothing is left behind; or this user has no cache.
    """
    location = _location()
    folder = location / f"{name}-{_digest(wanted)}"
    if not folder.exists():
        location.mkdir(parents=True, exist_ok=True)
        with (location / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _make(folder, wanted, build)
    return folder


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
    lines = requirements.read_text(encoding="utf-8").splitlines()
    torch = [line for line in lines if line.startswith("torch==")]
    for wanted in (torch, ["-r", str(requirements)]):
        if wanted:
            _run([*pip, *wanted], requirements.stem)


def _run(command: Sequence[str], name: str, folder: Path | None = None) -> None:
    """Run an installer; what it says on standard output is progress."""
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=folder,
            env=quiet,
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise PeerError(f"{name} cannot be installed: there is no {command[0]}") from error
    if done.returncode:
        raise PeerError(f"{name} cannot be installed: {done.stderr.strip()[-400:]}")
