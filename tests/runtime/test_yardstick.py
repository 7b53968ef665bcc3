"""The yardstick: on so many threads at once, and only when the process is idle."""

import threading
import time

import pytest

from edgebert_runtime.measurement.yardstick import (
    SECONDS,
    STEP_SECONDS,
    settle,
    yardstick,
)


class Clock:
    """Time in steps: the process computes in the first ones, and then no more."""

    def __init__(self, busy_steps: int) -> None:
        self.steps, self._busy_steps = 0, busy_steps

    def perf_counter(self) -> float:
        return self.steps * STEP_SECONDS

    def process_time(self) -> float:
        return min(self.steps, self._busy_steps) * STEP_SECONDS

    def sleep(self, seconds: float) -> None:
        assert seconds == STEP_SECONDS
        self.steps += 1


def test_products_are_repeated_for_long_enough() -> None:
    with yardstick(1) as beside:
        start = time.perf_counter()
        found_ms = beside.time_ms()
        assert time.perf_counter() - start > SECONDS
    assert found_ms > 0


def test_it_computes_on_every_thread_at_once() -> None:
    """The first product of each waits for that of the others; the mean is that of all."""
    barrier, local = threading.Barrier(3, timeout=30), threading.local()
    seen: list[int] = []

    def product() -> None:
        if not hasattr(local, "met"):
            local.met = barrier.wait()
            seen.append(threading.get_ident())

    with yardstick(3, product) as beside:
        assert beside.time_ms() > 0
    assert len(set(seen)) == 3


@pytest.mark.parametrize(("busy", "waited"), [(0, 2), (7, 9), (1000, 40)])
def test_it_waits_until_the_process_is_idle_but_not_for_ever(busy: int, waited: int) -> None:
    clock = Clock(busy)
    settle(clock)
    assert clock.steps == waited
