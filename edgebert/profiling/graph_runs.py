"""Run graphs in this process, one open at a time, with ONNX Runtime's profiler or without.

Usage: python -m edgebert.profiling.graph_runs ORDER, the path of a JSON file by `tracing`. Prints
JSON: for each graph the path of its profile, empty without one, and the µs of each run.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgebert_runtime.engine.onnxruntime import cpu_session, import_engine, session_options
from edgebert_runtime.engine.session import Session
from edgebert_runtime.measurement.timing import WARM_UP_RUNS

WEIGHTS_APART: Final = "session.optimized_model_external_initializers_file_name"
"""Session configuration entry that writes the weights of an optimized graph to a separate file."""


def main(order: str) -> None:
    """Run the tasks of an order file."""
    read = json.loads(Path(order).read_text(encoding="utf-8"))
    measure = _profiled if read["profiled"] else _plain
    found = [measure(task, read["threads"], read["runs"]) for task in read["tasks"]]
    sys.stdout.write(json.dumps(found))


def _profiled(task: Mapping[str, Any], threads: int, runs: int) -> dict[str, Any]:
    """Run a graph as `Session` does, with the profiler."""
    options = session_options(import_engine(), threads)
    options.enable_profiling = True
    options.profile_file_prefix = task["profile"]
    if task["optimized"]:
        options.optimized_model_filepath = task["optimized"]
        data = f"{Path(task['optimized']).name}_data"
        options.add_session_config_entry(WEIGHTS_APART, data)
    session = cpu_session(Path(task["graph"]), options)
    names = [item.name for item in session.get_inputs()]
    times = _microseconds(session, task, names, runs)
    return {"profile": session.end_profiling(), "wall_us": times}


def _plain(task: Mapping[str, Any], threads: int, runs: int) -> dict[str, Any]:
    session = Session(Path(task["graph"]), provider="cpu", threads=threads)
    return {"profile": "", "wall_us": _microseconds(session, task, session.inputs, runs)}


def _microseconds(
    session: Any, task: Mapping[str, Any], names: Sequence[str], runs: int
) -> list[float]:
    with np.load(task["feeds"]) as arrays:
        feeds = {name: arrays[name] for name in names}
    for _ in range(WARM_UP_RUNS):
        session.run(task["outputs"], feeds)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run(task["outputs"], feeds)
        times.append(1e6 * (time.perf_counter() - start))
    return times


if __name__ == "__main__":
    main(*sys.argv[1:])
