"""`python -m tests.support.planted_faults FOLDER`: fuzz what fails in ways that are known.

Prints a line of JSON for each outcome: target, kind, and the end of the finding or null.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from edgebert_runtime.errors import BundleError
from tests.support.fuzz.pool import Limits, Target, run_cases


def make(random: Random, folder: Path) -> None:
    (folder / "case").write_bytes(random.randbytes(8))


def crash(random: Random, folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(random: Random, folder: Path) -> None:
    time.sleep(60)


def foreign(random: Random, folder: Path) -> None:
    raise KeyError("planted")


def memory(random: Random, folder: Path) -> None:
    bytearray(2**30)


def lines(random: Random, folder: Path) -> None:
    raise BundleError("two\nlines")


def ours(random: Random, folder: Path) -> None:
    raise BundleError("refused")


def right(random: Random, folder: Path) -> None:
    pass


FAULTS: Final[tuple[Callable[[Random, Path], None], ...]] = (
    *(crash, hang, foreign, memory, lines),
    *(ours, right),
)

if __name__ == "__main__":
    planted = [Target(fault.__name__, make, fault) for fault in FAULTS]
    limits = Limits(seconds=0.3, memory=2**29)
    for found in run_cases(planted, 5, Path(sys.argv[1]), limits, 2.5, 1):
        told = None if found.finding is None else found.finding[-300:]
        print(json.dumps([found.target, found.number, found.kind, told]), flush=True)
