"""Run graphs in separate processes, with ONNX Runtime's profiler and without.

Two ONNX Runtime sessions in one process disturb each other's timings, because an idle thread pool
spins.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebert.profiling.events import Recording, read_profile
from edgebert_runtime.measurement.timing import output_of
from edgebert_runtime.storage.text_file import write_text


@dataclass(frozen=True, kw_only=True)
class GraphRun:
    """A graph to run, and its inputs.

    Attributes:
        graph: an ONNX file, external data in the same folder.
        feeds: an `.npz` file with the inputs.
        outputs: names of the outputs to compute.
        optimized: where a process with the profiler writes the optimized graph; None writes none.
    """

    graph: Path
    feeds: Path
    outputs: Sequence[str]
    optimized: Path | None = None


def profile_graphs(tasks: Sequence[GraphRun], threads: int, runs: int) -> list[Recording]:
    """Run each graph under the profiler, one after the other in one process.

    Args:
        tasks: what to run.
        threads: intra-operator threads.
        runs: of each, after a warm-up.

    Raises:
        EdgebertError: the process failed; its last line is in the text.
        EngineError: ONNX Runtime wrote no profile, or not all of it.
    """
    found = _ordered(tasks, threads, runs, profiled=True)
    return [_read(Path(item["profile"]), item["wall_us"]) for item in found]


def time_plain(task: GraphRun, threads: int, runs: int) -> tuple[float, ...]:
    """µs of each run of a graph without the profiler, in a process of its own.

    Raises:
        EdgebertError: the process failed; its last line is in the text.
    """
    (found,) = _ordered([task], threads, runs, profiled=False)
    return tuple(found["wall_us"])


def _ordered(tasks: Sequence[GraphRun], threads: int, runs: int, *, profiled: bool) -> Any:
    fields = [
        {
            "graph": str(task.graph),
            "feeds": str(task.feeds),
            "outputs": list(task.outputs),
            "optimized": str(task.optimized or ""),
            "profile": str(task.feeds.with_suffix("")),
        }
        for task in tasks
    ]
    order = tasks[0].feeds.with_suffix(".json")
    written = {"profiled": profiled, "threads": threads, "runs": runs, "tasks": fields}
    write_text(order, json.dumps(written))
    return json.loads(
        output_of([sys.executable, "-m", "edgebert.profiling.graph_runs", str(order)])
    )


def _read(path: Path, wall_us: Sequence[float]) -> Recording:
    """Read a profile and remove its file, which is large for many runs."""
    recording = read_profile(path, wall_us)
    path.unlink()
    return recording
