"""Whether several callers run a graph at the same time."""

from time import monotonic
from typing import Final

REMEMBERED_SECONDS: Final = 0.1
"""For so long after runs met, more are expected: a pause between two of them is no sign of one."""


class Traffic:
    """Runs that are under way in a session and its twins; needs no lock, and works after a fork."""

    def __init__(self) -> None:
        self._under_way: set[object] = set()
        self._met = float("-inf")

    def begin(self) -> object:
        """A run begins; what is returned is to be given to `end`."""
        run = object()
        self._under_way.add(run)
        if len(self._under_way) > 1:
            self._met = monotonic()
        return run

    def end(self, run: object) -> None:
        """A run is over."""
        self._under_way.discard(run)

    def forget(self) -> None:
        """Nothing is under way: this is another process."""
        self._under_way.clear()

    @property
    def dense(self) -> bool:
        """Whether somebody runs now, or several did so a moment ago."""
        return bool(self._under_way) or monotonic() - self._met < REMEMBERED_SECONDS
