"""The time that a search may take, and how its steps are told of meanwhile."""

import time
from collections.abc import Callable

from edgebert_runtime.progress import MINUTE, Clock, ProgressCallback, ProgressEvent


class TimeOverError(Exception):
    """The search has had its time; what was made so far is kept."""


def until(
    minutes: float | None, tell: ProgressCallback, clock: Clock = time.monotonic
) -> ProgressCallback:
    """A function to tell steps to, which ends the work once the time is over.

    Args:
        minutes: how long; None for ever.
        tell: is told of every step, and once a minute of work that is counted.
        clock: the time in seconds.
    """
    begun = clock()
    is_due = _once_a_minute(clock)

    def told(line: str) -> None:
        if minutes is not None and clock() - begun > MINUTE * minutes:
            raise TimeOverError
        counted = isinstance(line, ProgressEvent) and line.done is not None
        if not counted or is_due():
            tell(line)

    return told


def _once_a_minute(clock: Clock) -> Callable[[], bool]:
    last = clock()

    def is_due() -> bool:
        nonlocal last
        due = clock() - last >= MINUTE
        last = clock() if due else last
        return due

    return is_due
