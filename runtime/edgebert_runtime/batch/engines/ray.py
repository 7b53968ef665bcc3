"""Units in actors of Ray, each with its own model.

Ray's own retries are off: with them a unit never came back after the death of its node. The driver
gives a unit again that was lost with its worker.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TextIO, cast

from edgebert_runtime.batch.engines.attempts import Attempts, Order, Told
from edgebert_runtime.batch.job import Job
from edgebert_runtime.batch.worker import UnitFailure, UnitResult
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ConfigError, EngineError

START_SECONDS: Final = 300.0
"""How long the first worker may take to start, and the next where none is left at work."""

OBJECT_STORE: Final = 100 * 2**20
"""Bytes of it for a Ray of this machine: vectors go to shards, and not through Ray."""


@dataclass(frozen=True)
class RayEngine:
    """Actors of a Ray cluster, each with its own model.

    Attributes:
        address: of the cluster; None is what the variable `RAY_ADDRESS` says, or else a Ray of this
            machine, which ends with the job.
        workers: how many actors; None is as many as the cluster's CPUs have room for.
        threads: of each, and CPUs that it books.
    """

    address: str | None = None
    workers: int | None = None
    threads: int = 1

    def run(
        self,
        job: Job,
        numbers: Sequence[int],
        on_result: Callable[[UnitResult], None],
        on_failure: Callable[[UnitFailure], None],
    ) -> None:
        """Try each unit once; an actor that dies at work is followed by another.

        Raises:
            ConfigError: Ray is not installed, or there is none at the address.
            EngineError: Ray or an actor does not start.
        """
        output = cast("TextIO", _OfThisThread(sys.stdout))
        with redirect_stdout(output), self._connected() as ray:
            count = min(self.workers or self._room(ray), len(numbers))
            actors = _Actors(ray, Order.of(job, self.threads), count)
            try:
                for told in actors.answers(numbers):
                    if isinstance(told, UnitResult):
                        on_result(told)
                    else:
                        on_failure(told)
            finally:
                actors.end()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Ray, connected to a cluster until the block ends, unless the caller was before."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise ConfigError(
                "engine ray needs Ray: pip install 'edgebert-runtime[ray]'"
            ) from error
        if ray.is_initialized():
            yield ray
            return
        self._connect(ray)
        try:
            yield ray
        finally:
            ray.shutdown()  # prints what it has kept back

    def _connect(self, ray: Any) -> None:
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **self._place())
        except (OSError, RuntimeError, ValueError) as error:
            named = self.address or os.environ.get("RAY_ADDRESS")
            if named is None:
                raise EngineError(f"Ray does not start on this machine: {error}") from error
            raise ConfigError(
                f"no Ray cluster at {named}: {error}; start one with ray start --head, or leave "
                "out the address"
            ) from error

    def _place(self) -> dict[str, Any]:
        if self.address is not None:
            return {"address": self.address}
        if os.environ.get("RAY_ADDRESS"):
            return {}
        return {
            "address": "local",  # else Ray takes any cluster that it finds on this machine
            "num_cpus": max(usable_cores(), (self.workers or 1) * self.threads),
            "object_store_memory": OBJECT_STORE,
            "include_dashboard": False,
        }

    def _room(self, ray: Any) -> int:
        cpus = ray.cluster_resources().get("CPU", 0)
        if cpus < self.threads:
            raise EngineError(
                f"the Ray cluster has {cpus:g} CPUs, expected at least {self.threads} for a worker "
                "of so many threads; add a node, or ask for fewer threads"
            )
        return int(cpus // self.threads)


class _OfThisThread:
    """Standard output of the thread that makes it; what others print goes to standard error.

    A thread of Ray prints there what nodes report, between the records of a command.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._owner = stream, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        is_own = threading.get_ident() == self._owner
        return getattr(self._stream if is_own else sys.stderr, name)


class _Task(NamedTuple):
    """What an actor does: it answers a unit, or starts where `number` is None."""

    actor: Any
    number: int | None


class _Actors:
    """Keeps some actors at work."""

    def __init__(self, ray: Any, order: Order, count: int) -> None:
        self._ray, self._order, self._count = ray, order, count
        settings = {"num_cpus": order.threads, "max_restarts": 0, "max_task_retries": 0}
        self._class = ray.remote(**settings)(_Actor)
        self._tasks: dict[Any, _Task] = {}
        self._problem = ""

    def answers(self, numbers: Sequence[int]) -> Iterator[Told]:
        """What becomes of each unit, as it does; only actors that have started are given one.

        Raises:
            EngineError: none starts.
        """
        waiting = deque(numbers)
        for _ in range(self._count):
            self._start()
        while waiting or self._is_busy():
            done = self._next()
            actor, number = self._tasks.pop(done)
            lives, told = self._outcome(done, number)
            if told is not None:
                yield told
            if lives and waiting:
                self._give(actor, waiting.popleft())
            elif number is not None and waiting:
                self._start()

    def end(self) -> None:
        """End all that are at work or start; a shard that one writes is left out."""
        for task in self._tasks.values():
            self._ray.kill(task.actor)

    def _start(self) -> None:
        actor = self._class.remote(self._order)
        self._tasks[actor.ready.remote()] = _Task(actor, None)

    def _give(self, actor: Any, number: int) -> None:
        self._tasks[actor.run.remote(number)] = _Task(actor, number)

    def _is_busy(self) -> bool:
        return any(task.number is not None for task in self._tasks.values())

    def _next(self) -> Any:
        """The next task that ends."""
        while self._tasks:
            done, _ = self._ray.wait(list(self._tasks), timeout=START_SECONDS)
            if done:
                return done[0]
            if not self._is_busy():
                self._problem = f"none has for {START_SECONDS:.0f} s; ray status says what is free"
                break
        raise EngineError(f"no worker of Ray starts: {self._problem}")

    def _outcome(self, done: Any, number: int | None) -> tuple[bool, Told | None]:
        """Whether the actor lives, and what it told."""
        try:
            return True, self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            lines = str(error).strip().splitlines()
            if number is not None:
                return False, UnitFailure(number, f"its worker died: {lines[0]}")
            self._problem = lines[-1]
            return False, None


class _Actor:
    """A worker in a process of Ray."""

    def __init__(self, order: Order) -> None:
        self._attempts = Attempts(order)

    def ready(self) -> None:
        """Answered once the process is there."""

    def run(self, number: int) -> Told:
        """Try a unit."""
        return self._attempts.run(number)
