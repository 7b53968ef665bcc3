"""A yardstick: a fixed product, timed beside a measurement to tell how fast the machine was then.

It takes as many threads as the measured job, so that another program slows both alike. The product
is `np.einsum`, which does not use BLAS: a call is one thread of this process, whatever library
numpy was built with, and needs no environment variable.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import numpy as np

ROWS: Final = 8
SIDE: Final = 1024
"""Of the square factor, float32: 4 MiB, more than most cores have for themselves, as weights are"""

SECONDS: Final = 0.025
"""About how long the product is repeated: several turns of a scheduler, which are 3 to 6 ms."""

STEP_SECONDS: Final = 0.005
MOST_SECONDS: Final = 0.2
IDLE_STEPS: Final = 2
BUSY: Final = 0.1
"""Share of a step that an idle process computes at most."""


class Yardstick:
    """The product, ready to be timed on a number of threads; made by `yardstick`."""

    def __init__(self, pool: ThreadPoolExecutor, threads: int) -> None:
        random = np.random.default_rng(0)
        self._pool, self._threads = pool, threads
        self._left = random.standard_normal((ROWS, SIDE), dtype=np.float32)
        self._right = random.standard_normal((SIDE, SIDE), dtype=np.float32)
        self._product(0)

    def time_ms(self) -> float:
        """The mean time of a product on each thread, in ms; begins when the process is idle.

        The mean, not the median: a scheduler that gives half of a core to another program lets one
        product run through and stops the next.
        """
        settle()
        start = time.perf_counter()
        products, spent = 0, 0.0
        while spent < SECONDS:
            for _ in self._pool.map(self._product, range(self._threads)):
                pass
            products, spent = products + 1, time.perf_counter() - start
        return 1000 * spent / products

    def _product(self, _: int) -> None:
        np.einsum("ij,kj->ik", self._left, self._right, optimize=False)


@contextmanager
def yardstick(threads: int) -> Iterator[Yardstick]:
    """A yardstick of so many threads; they end with the block."""
    with ThreadPoolExecutor(threads) as pool:
        yield Yardstick(pool, threads)


def settle() -> None:
    """Wait until this process computes nothing, for at most 0.2 s.

    The threads of an engine spin for some 25 ms after a run, in the hope of the next.
    """
    idle = 0
    begun = time.perf_counter()
    while idle < IDLE_STEPS and time.perf_counter() - begun < MOST_SECONDS:
        before = time.process_time()
        time.sleep(STEP_SECONDS)
        busy = time.process_time() - before > BUSY * STEP_SECONDS
        idle = 0 if busy else idle + 1
