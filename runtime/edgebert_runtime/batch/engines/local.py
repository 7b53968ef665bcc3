"""Units in processes of this machine, which end with their driver."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from edgebert_runtime.batch.job import Job
from edgebert_runtime.batch.worker import UnitFailure, UnitResult
from edgebert_runtime.engine.threads import usable_cores

WORKER: Final = ("-m", "edgebert_runtime.batch.engines.local_worker")
"""What a worker's Python runs."""

END_SECONDS: Final = 5.0
"""How long a worker may take to end once its driver has no more units."""


@dataclass(frozen=True)
class LocalEngine:
    """Processes of this machine, each with its own model.

    Attributes:
        workers: how many; None is one for each `threads` cores.
        threads: of each.
    """

    workers: int | None = None
    threads: int = 1

    def run(
        self,
        job: Job,
        numbers: Sequence[int],
        on_result: Callable[[UnitResult], None],
        on_failure: Callable[[UnitFailure], None],
    ) -> None:
        """Try each unit once; a worker that dies is followed by another."""
        waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        told: queue.SimpleQueue[UnitResult | UnitFailure] = queue.SimpleQueue()
        for number in numbers:
            waiting.put(number)
        count = min(self.workers or max(usable_cores() // self.threads, 1), len(numbers))
        for _ in range(count):
            waiting.put(None)
        with _started([_Keeper(job, self.threads, waiting, told) for _ in range(count)]):
            for _ in numbers:
                found = told.get()
                if isinstance(found, UnitResult):
                    on_result(found)
                else:
                    on_failure(found)


@contextmanager
def _started(keepers: Sequence["_Keeper"]) -> Iterator[None]:
    """Threads that run within the block; their workers end with it, however it ends."""
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        for keeper in keepers:
            keeper.stop()
        for keeper in keepers:
            keeper.join()


class _Keeper(threading.Thread):
    """Keeps one worker alive and at work."""

    def __init__(
        self,
        job: Job,
        threads: int,
        waiting: "queue.SimpleQueue[int | None]",
        told: "queue.SimpleQueue[UnitResult | UnitFailure]",
    ) -> None:
        super().__init__(daemon=True)
        self._request = {"out": job.out, "bundle": job.record.bundle, "threads": threads}
        self._waiting, self._told = waiting, told
        self._worker: _Worker | None = None
        self._stopped = threading.Event()

    def run(self) -> None:
        """Give units to the worker until there are none."""
        while (number := self._waiting.get()) is not None and not self._stopped.is_set():
            if self._worker is None:
                self._worker = _Worker(self._request)
                if self._stopped.is_set():  # it was started after `stop` looked
                    self._worker.kill()
            found = self._worker.answer(number)
            if found is None:
                found = UnitFailure(number, f"its worker died: {self._worker.end()}")
                self._worker = None
            self._told.put(found)
        if self._worker is not None:
            self._worker.end()

    def stop(self) -> None:
        """End the worker at once, if it is at work."""
        self._stopped.set()
        if self._worker is not None:
            self._worker.kill()


class _Worker:
    """A process that answers units, a line of JSON each way."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._send(request)

    def answer(self, number: int) -> UnitResult | UnitFailure | None:
        """What became of a unit; None where the process died."""
        self._send({"unit": number})
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        told = json.loads(line)
        return UnitFailure(**told) if "reason" in told else UnitResult(**told)

    def end(self) -> str:
        """Close its input, which ends it; returns how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # it has gone already
            self._process.stdin.close()
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process.stdout.close()
        return f"exit code {code}" if code >= 0 else f"signal {-code}"

    def kill(self) -> None:
        """End it at once; a shard that it writes is left out, never half there."""
        self._process.kill()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has died, which `answer` sees
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
