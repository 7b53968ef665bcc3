"""How far a batch job is, while it runs: a line for people, and a record for programs."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from edgebert_runtime.cli.progress import say
from edgebert_runtime.progress import Clock, Meter, bar_view, clock_time, line_view

if TYPE_CHECKING:
    from edgebert_runtime.batch.worker import UnitResult

BETWEEN_RECORDS: Final = 10.0
"""Seconds between two records."""


class BatchProgress:
    """Counts units and rows, and shows them.

    Args:
        units: that are to be answered.
        rows: of them; None where nobody knows.
        record: takes a record of how far it is, now and then; None for people alone.
        quiet: whether standard error says nothing.
        clock: the time in seconds.
    """

    def __init__(
        self,
        units: int,
        rows: int | None,
        record: Callable[[dict[str, Any]], None] | None,
        *,
        quiet: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        stream = sys.stderr
        terminal = bar_view(stream) if stream.isatty() else line_view(say, last=False)
        self._meter = Meter(rows, None if quiet else terminal, what="rows", clock=clock)
        self._units, self._record, self._clock = units, record, clock
        self._rows_known = rows is not None
        self._done = self._rows = self._bad = 0
        self._begun = self._told = clock()

    def update(self, result: "UnitResult") -> None:
        """Count a unit that has its shard."""
        self._done += 1
        self._rows += result.rows
        self._bad += result.bad
        self._meter.update(self._rows, self._note())
        if self._record is not None and self._clock() - self._told >= BETWEEN_RECORDS:
            self._told = self._clock()
            self._record(self._state())

    def __enter__(self) -> Self:
        self._meter.update(0)
        self._meter.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._meter.__exit__(kind, error, trace)

    def _remaining(self) -> float:
        """Seconds that the other units will take, if they take as long."""
        return (self._units - self._done) * (self._clock() - self._begun) / self._done

    def _note(self) -> str:
        """What a bar of rows does not say: where nobody knows how many there are, the rest, too."""
        bad = f"{self._bad:,} bad rows, " if self._bad else ""
        rest = "" if self._rows_known else f", {clock_time(self._remaining())} left"
        return f"{bad}{self._done:,} of {self._units:,} units{rest}"

    def _state(self) -> dict[str, Any]:
        seconds = self._clock() - self._begun
        return {
            "units": self._units,
            "done": self._done,
            "rows": self._rows,
            "bad": self._bad,
            "texts_per_second": round(self._rows / seconds, 1),
            "seconds": round(seconds, 1),
            "remaining_seconds": round(self._remaining(), 1),
        }
