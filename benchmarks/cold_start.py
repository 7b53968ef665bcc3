"""Process start to first vector, beside the bare three libraries on the same file.

`python -m benchmarks.cold_start [--model bert-base]`: whole processes, timed from outside, in turn;
ours hashes every file and checks every path, the bare one checks nothing. Ours runs twice, on the
bundle alone and on the graph that `warm` keeps.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.encoder_latency import bert_base, our_bundle
from benchmarks.machine import describe
from benchmarks.pairing import in_turn, output_of, ratio
from benchmarks.peers.texts_to_vectors import KEPT
from edgebert_runtime.warming import warm
from examples.minilm import CACHE, minilm_folder

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results" / "cold_start.jsonl"
TEXT: Final = "How fast does this start?"
ROUNDS: Final = 21
SAME: Final = 1e-5
OURS: Final = "edgebert_runtime_start.py"


class Start(NamedTuple):
    """One process: wall time in seconds, its vector, peak memory and that of the imports alone."""

    seconds: float
    vector: list[float]
    peak_bytes: int
    imported_bytes: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["minilm", "bert-base"], default="minilm")
    model = parser.parse_args().model
    machine = describe()
    if model == "minilm":
        bundle, variant, graph = our_bundle(minilm_folder(), model), "int8", "model_quantized.onnx"
    else:
        bundle, variant, graph = (
            our_bundle(bert_base(), model, int8=False),
            "fp32",
            "model_cpu.onnx",
        )
    cache = CACHE / "benchmarks" / KEPT
    kept = warm(bundle, variant, cache_dir=cache, tune=False)
    contenders = {
        "bundle": partial(_start, OURS, bundle, variant, ""),
        "kept": partial(_start, OURS, bundle, variant, str(cache)),
        "bare": partial(_start, "bare_runtime.py", bundle, graph, ""),
    }
    in_turn(contenders, 2)  # the file cache is warm from here on
    results = in_turn(contenders, ROUNDS)
    _check([start for starts in results.values() for start in starts])
    file_bytes = sum(path.stat().st_size for path in _weight_files(bundle, graph))
    record = {
        "benchmark": "cold_start",
        "model": model,
        "variant": variant,
        "machine": machine,
        "file_bytes": file_bytes,
        "kept_bytes": kept.size_bytes,
        "rows": {name: _row(starts, results["bare"]) for name, starts in results.items()},
    }
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    for name, row in record["rows"].items():
        print(
            f"{name:8} {median(row['ms']):.0f} ms, ratio to bare {row['ratio']}, "
            f"peak {row['peak_bytes'] / 2**20:.0f} MiB, grown {row['growth_bytes'] / 2**20:.0f} MiB"
        )


def _weight_files(bundle: Path, graph: str) -> list[Path]:
    """The graph, and its weights if they lie beside it."""
    data = bundle / "onnx" / "model.onnx_data"
    return [bundle / "onnx" / graph, *([data] if graph == "model_cpu.onnx" else [])]


def _check(starts: list[Start]) -> None:
    vectors = np.array([start.vector for start in starts])
    off = np.abs(vectors - vectors[0]).max()
    if not off <= SAME:
        raise SystemExit(f"the vectors differ by {off}")


def _row(starts: list[Start], bare: list[Start]) -> dict[str, Any]:
    compared = ratio([start.seconds for start in starts], [start.seconds for start in bare])
    peak = median(start.peak_bytes for start in starts)
    return {
        "ms": [1000 * start.seconds for start in starts],
        "ratio": [compared.low, compared.median, compared.high],
        "peak_bytes": peak,
        "growth_bytes": peak - median(start.imported_bytes for start in bare),
    }


def _start(script: str, bundle: Path, graph: str, cache: str) -> Start:
    """Run a script to its end; it prints its vector and its memory."""
    command = [sys.executable, str(HERE / "peers" / script), str(bundle), graph, cache, TEXT]
    start = time.perf_counter()
    printed = output_of(command)
    seconds = time.perf_counter() - start
    vector, *kibibytes = json.loads(printed)
    return Start(seconds, vector, *(1024 * size for size in kibibytes))


if __name__ == "__main__":
    main()
