"""How long the products of edgebert-native take alone, by its driver of checks."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.artifacts import made
from benchmarks.environments import interpreter
from benchmarks.pairing import output_of

NATIVE: Final = Path(__file__).resolve().parents[1] / "runtime" / "native"

Shape = tuple[int, int, int]
"""Rows, depth and width: (rows, depth) times (depth, width)."""


def rates(shapes: Sequence[Shape], threads: int) -> dict[Shape, float]:
    """Microseconds of each product in 8 bits, with its sums added to float32.

    Raises:
        PeerError: the driver cannot be built, or this CPU has none of its instruction sets.
    """
    names = {"x".join(map(str, shape)): shape for shape in shapes}
    lines = output_of([str(driver()), "--rates", str(threads), *names]).splitlines()
    return {names[name]: float(time) for name, time in map(str.split, lines)}


@cache
def driver() -> Path:
    """The driver, compiled if its sources have changed.

    Raises:
        PeerError: there is no compiler, or it failed.
    """
    python, digest = interpreter("native"), hashlib.sha256()
    for path in sorted([*NATIVE.glob("src/**/*"), *NATIVE.glob("check/*"), NATIVE / "build.py"]):
        if path.is_file():
            digest.update(path.read_bytes())

    def build(folder: Path) -> None:
        command = [str(python), str(NATIVE / "build.py"), "check", "--out", str(folder)]
        output_of(command, limit_s=600)

    return made(f"native-check-{digest.hexdigest()[:12]}", build) / "native_check"
