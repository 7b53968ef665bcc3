"""Whether several callers are served by a graph at the same time."""

from collections.abc import Callable
from time import monotonic
from typing import Final

REMEMBERED_SECONDS: Final = 0.1
"""For so long after callers met, more are expected: a pause is no sign that they are gone."""


class ConcurrencyTracker:
    """Callers that a session and its copies serve, however many workers one of them has.

    Needs no lock, and works after a fork.

    Args:
        clock: the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._under_way: set[object] = set()
        self._met = float("-inf")

    def begin(self) -> object:
        """A caller comes; what is returned is to be given to `end`."""
        caller = object()
        self._under_way.add(caller)
        if len(self._under_way) > 1:
            self._met = self._clock()
        return caller

    def end(self, caller: object) -> None:
        """A caller is served."""
        self._under_way.discard(caller)

    def forget(self) -> None:
        """Nothing is under way: this is another process."""
        self._under_way.clear()

    @property
    def dense(self) -> bool:
        """Whether somebody is served now, or several were a moment ago."""
        return bool(self._under_way) or self._clock() - self._met < REMEMBERED_SECONDS

    @property
    def alone(self) -> bool:
        """Whether exactly one caller is served, and none came beside it a moment ago."""
        return len(self._under_way) == 1 and self._clock() - self._met >= REMEMBERED_SECONDS
