"""The environments of tests/clusters, and how their processes are started."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.environments import interpreter

ROOT: Final = Path(__file__).parents[2]

PYTHONS: Final[Mapping[str, Callable[[], Path]]] = {
    "local": lambda: Path(sys.executable),
    "ray": partial(interpreter, "ray"),
    "spark": partial(interpreter, "spark"),
}
"""Engine → what gives the Python that has it."""


def environment(**more: str) -> dict[str, str]:
    """Variables of such a process: the checkout's runtime, and no data sent."""
    path = os.pathsep.join(str(ROOT / name) for name in ("runtime", ""))
    return {**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0", **more}
