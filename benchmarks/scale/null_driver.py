"""A batch job whose model does nothing: the driver's own work, in a process of its own.

Usage: python -m benchmarks.scale.null_driver BUNDLE IN OUT SHARD_ROWS SHARES
All units are planned, and one of so many shares is committed. Prints one object of JSON.
Planner, driver, folder and shards are those of the product.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from edgebert_runtime.batch.driver import Part, run_job
from edgebert_runtime.batch.job import Job
from edgebert_runtime.batch.planner import plan_job
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.batch.shards import ShardWriter
from edgebert_runtime.batch.status import status_of
from edgebert_runtime.batch.worker import UnitFailure, UnitResult
from edgebert_runtime.measurement.timing import peak_memory_bytes
from edgebert_runtime.tasks.spec import VectorType

ANSWERS: Final = {"embedding": VectorType("float32", 384)}
COUNTED: Final = {
    "open": "files opened",
    "os.link": "links",
    "os.remove": "names removed",
    "os.scandir": "folders listed",
}
"""Audit event of Python → what it is called."""

FLUSHES: Final = "flushes to disk"


class NullEngine:
    """Commits a shard without rows for each unit, in this process."""

    def run(
        self,
        job: Job,
        numbers: Sequence[int],
        on_result: Callable[[UnitResult], None],
        on_failure: Callable[[UnitFailure], None],
    ) -> None:
        del on_failure
        folder = job.folder
        for number in numbers:
            unit = job.unit(number)
            with (
                folder.new_file(job.shard_name(number)) as file,
                ShardWriter(file, job, number, ANSWERS),
            ):
                pass
            on_result(UnitResult(number, unit.stop - unit.start, 0, 0.0))


def counted_operations() -> Counter[str]:
    """What this process asks of file systems from now on."""
    found: Counter[str] = Counter()

    def hook(event: str, _: object) -> None:
        if event in COUNTED:
            found[COUNTED[event]] += 1

    flush = os.fsync

    def counted(descriptor: int) -> None:
        found[FLUSHES] += 1
        flush(descriptor)

    sys.addaudithook(hook)
    vars(os)["fsync"] = counted
    return found


def main(bundle: str, where: str, out: str, shard_rows: str, shares: str) -> dict[str, Any]:
    """Plan, run and run again; what that took."""
    settings, part = JobSettings(task="embed", shard_rows=int(shard_rows)), Part(0, int(shares))
    begun = time.perf_counter()
    job = plan_job(bundle, where, out, settings)
    planned = time.perf_counter()
    operations = counted_operations()
    run_job(job, NullEngine(), part)
    ran = time.perf_counter()
    found = dict(operations)
    run_job(plan_job(bundle, where, out, settings), NullEngine(), part)
    resumed = time.perf_counter()
    peak = peak_memory_bytes()
    status = status_of(out)
    return {
        "units": job.units,
        "rows": job.record.rows,
        "committed": status.done,
        "plan_s": planned - begun,
        "run_s": ran - planned,
        "resume_s": resumed - ran,
        "status_s": time.perf_counter() - resumed,
        "peak_bytes": peak,
        "operations": found,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
