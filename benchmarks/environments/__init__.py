"""Pinned environments of peers, made on demand.

`python -m benchmarks.environments peers` prints the interpreter of the environment in `peers.txt`,
making it first if needed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = HERE.parents[1] / ".cache" / "environments"
MARKER: Final = "complete"


def interpreter(name: str) -> Path:
    """Python of the environment `name`, installed from `name`.txt unless that is done already.

    Raises:
        subprocess.CalledProcessError: pip failed; nothing is left behind.
    """
    requirements = HERE / f"{name}.txt"
    content = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"{name}-{sys.version_info.major}.{sys.version_info.minor}-{content}"
    python = folder / "bin" / "python"
    if (folder / MARKER).exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    torch = next(
        line for line in requirements.read_text().splitlines() if line.startswith("torch==")
    )
    install = [str(python), "-m", "pip", "install", "--quiet"]
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*install, torch], check=True, env=quiet, stdout=sys.stderr)
    subprocess.run([*install, "-r", str(requirements)], check=True, env=quiet, stdout=sys.stderr)
    (folder / MARKER).touch()
    return python
