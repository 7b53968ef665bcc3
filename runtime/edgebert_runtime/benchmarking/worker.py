"""The process that measures one variant with one number of threads.

Two ONNX Runtime sessions in one process slow each other down, because an idle thread pool spins.
Started as `python -m edgebert_runtime.benchmarking.worker JOB`, where JOB is a JSON object;
prints one.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any, Final

import numpy as np

from edgebert_runtime.benchmarking.cold_start import first_item
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.inference.feeds import make_feeds
from edgebert_runtime.measurement.timing import output_of, peak_memory_bytes, percentile, time_runs
from edgebert_runtime.measurement.yardstick import yardstick
from edgebert_runtime.tasks.registry import require_task

P95: Final = 0.95


def time_in_a_process(
    folder: str,
    how: Mapping[str, Any],
    shapes: Sequence[tuple[int, int]],
    seconds: float,
    items: Sequence[Any] = (),
) -> dict[str, Any]:
    """Time shapes in a process of their own.

    Args:
        folder: the bundle.
        how: arguments of `load`.
        shapes: batch x sequence each, fewest tokens first, because peak memory includes all before.
        seconds: about how long a shape is run.
        items: texts or pairs that are answered in one call, which is timed after the shapes.

    Returns:
        `warm`, whether a cached graph ran, and `shapes`: for each `median_ms`, `p95_ms`, `samples`,
        `peak_memory_bytes` and `yardstick_ms`; with items `items_ms`, the median of their call.

    Raises:
        EdgebertError: the process failed; its last line is in the text.
    """
    job = {"folder": folder, "how": how, "shapes": shapes, "seconds": seconds, "items": items}
    return _run({"task": "time", **job})


def tune_in_a_process(folder: str, how: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Find the best micro-batches in a process of their own; a `Tuning`'s fields.

    Args:
        folder: the bundle.
        how: arguments of `load`.
        seconds: about how long a way is tried in a round.

    Raises:
        EdgebertError: the process failed; its last line is in the text.
    """
    return _run({"task": "tune", "folder": folder, "how": how, "seconds": seconds})


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "edgebert_runtime.benchmarking.worker", json.dumps(job)]
    found: dict[str, Any] = json.loads(output_of(command))
    return found


def main(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do a job in this process."""
    from edgebert_runtime.loading.load import load

    model = load(job["folder"], **job["how"])
    if job["task"] == "tune":
        from edgebert_runtime.warmup.tuning import best_tuning

        return best_tuning(model.session, model.info().max_length, job["seconds"])._asdict()
    manifest = Bundle.open(job["folder"]).manifest
    model.predict([first_item(manifest)])
    vocabulary = manifest.architecture.get("vocabulary") or 1
    outputs = require_task(manifest.default_task).outputs
    timed = _timed(model.session, outputs, job["shapes"], vocabulary, job["seconds"])
    found = {
        "warm": model.info().warm,
        "shapes": _beside_yardsticks(timed, job["how"]["threads"]),
    }
    if not job["items"]:
        return found
    items = [tuple(item) if isinstance(item, list) else item for item in job["items"]]
    times = time_runs(partial(model.predict, items), job["seconds"])
    return {**found, "items_ms": 1000 * median(times)}


def _beside_yardsticks(timed: Iterator[dict[str, float]], threads: int) -> list[dict[str, float]]:
    """Each shape with the mean of a yardstick before its runs and one after them."""
    with yardstick(threads) as beside:
        before, found = beside.time_ms(), []
        for shape in timed:
            after = beside.time_ms()
            found.append({**shape, "yardstick_ms": (before + after) / 2})
            before = after
    return found


def _timed(
    session: Any,
    outputs: Sequence[str],
    shapes: Sequence[Sequence[int]],
    vocabulary: int,
    seconds: float,
) -> Iterator[dict[str, float]]:
    """Token ids are random; the speed of dense products does not depend on them."""
    random = np.random.default_rng(0)
    for batch, sequence in shapes:
        ids = random.integers(0, vocabulary, (batch, sequence), dtype=np.int64)
        feeds = make_feeds(ids, names=session.inputs)
        times = time_runs(partial(session.run, outputs, feeds), seconds)
        yield {
            "median_ms": 1000 * median(times),
            "p95_ms": 1000 * percentile(times, P95),
            "samples": len(times),
            "peak_memory_bytes": peak_memory_bytes(),
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
