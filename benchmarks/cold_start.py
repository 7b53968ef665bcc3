"""Process start to first vector, beside the bare three libraries on the same file.

`python -m benchmarks.cold_start`: whole processes, timed from outside, in turn; ours hashes every
file and checks every path, the bare one checks nothing.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import numpy as np

from benchmarks.encoder_latency import our_bundle
from benchmarks.machine import describe
from benchmarks.pairing import in_turn, output_of, ratio
from examples.minilm import minilm_folder

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results" / "cold_start.jsonl"
TEXT: Final = "How fast does this start?"
ROUNDS: Final = 21
SAME: Final = 1e-5


class Start(NamedTuple):
    """One process: wall time in seconds, peak memory in bytes, what it printed."""

    seconds: float
    peak_bytes: int
    vector: list[float]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    machine = describe()
    bundle = our_bundle(minilm_folder(), "minilm")
    contenders = {
        name: partial(_start, HERE / "peers" / name, bundle)
        for name in ("edgebert_runtime_start.py", "bare_runtime.py")
    }
    in_turn(contenders, 2)  # the file cache is warm from here on
    results = in_turn(contenders, ROUNDS)
    ours, bare = (results[name] for name in contenders)
    starts = np.array([start.vector for start in [*ours, *bare]])
    off = np.abs(starts - starts[0]).max()
    if not off <= SAME:
        raise SystemExit(f"the vectors differ by {off}")
    compared = ratio([start.seconds for start in ours], [start.seconds for start in bare])
    ours_ms = [1000 * start.seconds for start in ours]
    bare_ms = [1000 * start.seconds for start in bare]
    ours_peak = median(start.peak_bytes for start in ours)
    record = {
        "benchmark": "cold_start",
        "machine": machine,
        "ours_ms": ours_ms,
        "bare_ms": bare_ms,
        "ratio": [compared.low, compared.median, compared.high],
        "ours_peak_bytes": ours_peak,
        "bare_peak_bytes": median(start.peak_bytes for start in bare),
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    print(f"edgebert {median(ours_ms):.0f} ms, bare {median(bare_ms):.0f} ms")
    print(f"ratio {compared}, peak {ours_peak / 2**20:.0f} MiB")


def _start(script: Path, bundle: Path) -> Start:
    """Run a script to its end; it prints its vector and its own peak memory."""
    start = time.perf_counter()
    printed = output_of([sys.executable, str(script), str(bundle), TEXT])
    seconds = time.perf_counter() - start
    vector, peak_kibibytes = json.loads(printed)
    return Start(seconds, peak_kibibytes * 1024, vector)


if __name__ == "__main__":
    main()
