"""Processes of batch jobs that die where a test wants them to.

    crashing_shards commit FOLDER         die at step 0, 1, … of a commit, each in FOLDER/<step>/
    crashing_shards batch NUMBERS …       `edgebert-run batch …`, whose workers kill themselves at
                                          the units of these numbers, with commas between
    crashing_shards worker NUMBERS        one of these workers

A step is whatever Python tells its audit hooks before doing it: open, link, remove, …
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edgebert_runtime.batch.engines import local, local_worker
from edgebert_runtime.batch.local_folder import LocalFolder
from edgebert_runtime.batch.worker import UnitResult, UnitWorker
from edgebert_runtime.cli.main import main as edgebert_run
from tests.support.crashing_writers import survives

CONTENT: Final = bytes(range(256)) * 64
SHARD: Final = "part-000000.parquet"


def commit(folder: Path) -> None:
    """Write a shard as a worker does."""
    with LocalFolder(folder).new_file(SHARD) as file:
        file.write(CONTENT)


def sweep(folder: Path) -> int:
    """Kill a commit at each of its steps; returns how many there are."""
    step = 0
    while not survives(lambda at=folder / str(step): commit(at), signal.SIGKILL, step):
        step += 1
    return step


def poisoned(run: Callable[[UnitWorker, int], UnitResult], numbers: set[int]) -> None:
    """Let workers of this process die at some units, as a row does that an engine cannot bear."""

    def dies(worker: UnitWorker, number: int) -> UnitResult:
        if number in numbers:
            os.kill(os.getpid(), signal.SIGKILL)
        return run(worker, number)

    vars(local_worker)["UnitWorker"] = type("Poisoned", (UnitWorker,), {"run": dies})


def main(command: str, *arguments: str) -> None:
    if command == "commit":
        sys.stdout.write(f"{sweep(Path(arguments[0]))}\n")
    elif command == "batch":
        numbers, *given = arguments
        vars(local)["WORKER"] = ("-m", "tests.support.crashing_shards", "worker", numbers)
        sys.exit(edgebert_run(["batch", *given]))
    else:
        poisoned(UnitWorker.run, set(map(int, arguments[0].split(","))))
        local_worker.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
