"""Resident memory of real processes."""

import platform
import subprocess
import sys

from edgebert_runtime import Bundle

SHAPES = """
import random, sys
import numpy as np
from edgebert_runtime import load

def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

session = load(sys.argv[1], sys.argv[2], threads=2).session
choose = random.Random(0)
found = []
for number in range(500):
    shape = choose.randint(1, 64), choose.randint(1, 40)
    ids = np.ones(shape, np.int64)
    session.run(session.outputs, {name: ids for name in session.inputs})
    if number in (99, 249, 499):
        found.append(resident_kib())
print(*found)
"""

STREAM = """
import itertools, sys
from edgebert_runtime import load

def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

rows = load(sys.argv[1], threads=2).embed(f"the cat {number % 9}" for number in itertools.count())
found = []
for number, row in zip(range(40_960), rows):
    if number in (10_239, 40_959):
        found.append(resident_kib())
print(*found)
"""

SLACK_KIB = 2048
"""The engine's arena grows by a MiB at a time; 250 runs that each kept 8 KiB would exceed this."""


def test_five_hundred_shapes_end_on_a_plateau(tiny_bundle: Bundle) -> None:
    for variant in ("fp32", "int8"):
        command = [sys.executable, "-c", SHAPES, str(tiny_bundle.folder), variant]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        early, middle, late = map(int, done.stdout.split())
        assert late - middle < SLACK_KIB, variant
        assert late - early < 2 * SLACK_KIB, variant


def test_a_stream_takes_no_more_memory_the_longer_it_is(tiny_bundle: Bundle) -> None:
    command = [sys.executable, "-c", STREAM, str(tiny_bundle.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    early, late = map(int, done.stdout.split())
    assert late - early < SLACK_KIB  # 30,720 rows of 48 numbers alone would be three times that


FREED = """
import numpy as np
from edgebert_runtime.engine.memory import trim_heap

def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

blocks = [np.ones(100_000, np.uint8) for _ in range(1000)]  # too small to be mapped on their own
last = np.ones(100_000, np.uint8)  # behind them, so that the heap cannot shrink by itself
del blocks
before = resident_kib()
trim_heap()
print(before - resident_kib(), last.sum())
"""


def test_what_was_freed_goes_back_to_the_system() -> None:
    """On glibc; elsewhere it goes back by itself, or cannot be made to."""
    command = [sys.executable, "-c", FREED]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    returned, _ = map(int, done.stdout.split())
    assert returned > 80_000 or platform.libc_ver()[0] != "glibc"
