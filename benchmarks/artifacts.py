"""Files that take a while to make, kept in the benchmark's cache and made once."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.environments import interpreter
from benchmarks.pairing import output_of
from examples.minilm import CACHE

FOLDER: Final = CACHE / "benchmarks"
PEERS: Final = Path(__file__).resolve().parent / "peers"


def made(name: str, write: Callable[[Path], None], kept: Path = FOLDER) -> Path:
    """The folder `name` of `kept`, which `write` fills if it is not there.

    It gets its name once it is filled: what a crash leaves is never taken for whole.
    """
    folder = kept / name
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write(partial)
        partial.rename(folder)
    return folder


def made_by_peer(name: str, environment: str, script: str, *arguments: Path) -> Path:
    """What a script of `peers/` writes, made anew for another environment or another script.

    The script gets the arguments and the folder to fill.

    Raises:
        PeerError: the environment cannot be made, or the script failed.
    """
    python, path = interpreter(environment), PEERS / script
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]

    def write(folder: Path) -> None:
        output_of([str(python), str(path), *map(str, arguments), str(folder)])

    return made(f"{name}-{path.stem}-{python.parents[1].name}-{version}", write)
