"""A yardstick: a fixed product, timed beside a measurement to tell how fast the machine was then.

It takes as many threads as the measured job, so that another program slows both alike. The product
is `np.einsum`, which does not use BLAS: a call is one thread of this process, whatever library
numpy was built with, and needs no environment variable.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Barrier
from typing import Final, Protocol

import numpy as np

ROWS: Final = 8
SIDE: Final = 1024
"""Of the square factor, float32: 4 MiB, which most cores have no room for of their own."""

WARM_UP_SECONDS: Final = 0.01
"""Before it counts: a thread that wakes up beside a busy program waits for its turn first."""

SECONDS: Final = 0.025
"""About how long the product is repeated: several turns of a scheduler, which are 3 to 6 ms."""

STEP_SECONDS: Final = 0.005
MOST_SECONDS: Final = 0.2
IDLE_STEPS: Final = 2
BUSY: Final = 0.1
"""Share of a step that an idle process computes at most."""


class Clock(Protocol):
    """What `settle` needs of the module `time`."""

    def perf_counter(self) -> float:
        """Seconds that have passed."""

    def process_time(self) -> float:
        """Seconds that this process has computed, on all its threads."""

    def sleep(self, seconds: float, /) -> None:
        """Wait so long."""


class Yardstick:
    """A product, ready to be timed on a number of threads; made by `yardstick`."""

    def __init__(
        self, pool: ThreadPoolExecutor, threads: int, product: Callable[[], object]
    ) -> None:
        self._pool, self._threads, self._product = pool, threads, product

    def time_ms(self) -> float:
        """The mean time of a product, over all threads, in ms; begins when the process is idle.

        Each thread repeats the product without a pause, as a model computes. The mean, not the
        median: a scheduler that gives half of a core to another program lets one product run
        through and stops the next.
        """
        settle()
        barrier = Barrier(self._threads)
        times = list(self._pool.map(self._repeat, [barrier] * self._threads))
        return 1000 * sum(times) / len(times)

    def _repeat(self, together: Barrier) -> float:
        """Seconds of a product on this thread, once all have begun."""
        together.wait()
        self._for_about(WARM_UP_SECONDS)
        return self._for_about(SECONDS)

    def _for_about(self, seconds: float) -> float:
        """The mean time of a product, repeated for so long; at least once."""
        start = time.perf_counter()
        products, spent = 0, 0.0
        while spent < seconds:
            self._product()
            products, spent = products + 1, time.perf_counter() - start
        return spent / products


def fixed_product() -> Callable[[], object]:
    """The product that is timed; the same numbers each time."""
    random = np.random.default_rng(0)
    left = random.standard_normal((ROWS, SIDE), dtype=np.float32)
    right = random.standard_normal((SIDE, SIDE), dtype=np.float32)
    return partial(np.einsum, "ij,kj->ik", left, right, optimize=False)


@contextmanager
def yardstick(threads: int, product: Callable[[], object] | None = None) -> Iterator[Yardstick]:
    """A yardstick of so many threads; they end with the block.

    Args:
        threads: how many.
        product: what each of them repeats; None is `fixed_product`.
    """
    cores = _cores()
    initializer = partial(_stay_on, cores) if len(cores) == threads > 1 else None
    with ThreadPoolExecutor(threads, initializer=initializer) as pool:
        yield Yardstick(pool, threads, product or fixed_product())


def _cores() -> list[int]:
    """Those that this process may run on; none where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _stay_on(cores: list[int]) -> None:
    """Keep this thread on a core that no other one has.

    Two threads that wake up on one core may share it for longer than they compute. Those of an
    engine do not: they spin, so each has long had a core of its own.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [cores.pop()])


def settle(clock: Clock = time) -> None:
    """Wait until this process computes nothing, for at most 0.2 s.

    The threads of an engine spin for some 25 ms after a run, in the hope of the next.

    Args:
        clock: what tells the time and waits.
    """
    idle = 0
    begun = clock.perf_counter()
    while idle < IDLE_STEPS and clock.perf_counter() - begun < MOST_SECONDS:
        before = clock.process_time()
        clock.sleep(STEP_SECONDS)
        busy = clock.process_time() - before > BUSY * STEP_SECONDS
        idle = 0 if busy else idle + 1
