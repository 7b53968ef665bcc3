"""How far a job is: a line for people, and records for programs."""

import io
import sys
from typing import Any

import pytest

from edgebert_runtime.batch.worker import UnitResult
from edgebert_runtime.cli.batch_progress import BatchProgress


class Clock:
    """Twelve seconds pass with each unit."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def results(count: int) -> list[UnitResult]:
    return [UnitResult(at, 100, at, 1.0) for at in range(count)]


def test_records_say_how_fast_it_is_and_how_long_the_rest_takes() -> None:
    told: list[dict[str, Any]] = []
    clock = Clock()
    with BatchProgress(4, None, told.append, quiet=True, clock=clock) as progress:
        for result in results(4):
            clock.now += 8.0
            progress.update(result)
    assert told == [
        {
            "units": 4,
            "done": done,
            "rows": 100 * done,
            "bad": bad,
            "texts_per_second": 12.5,
            "seconds": 8.0 * done,
            "remaining_seconds": 8.0 * (4 - done),
        }
        for done, bad in ((2, 1), (4, 6))  # ten seconds apart at least
    ]


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (400, "50% 200/400 rows, 10 rows/s, 0:20 left, 1 bad rows"),
        (None, "200 rows, 10 rows/s, 1 bad rows, 2 of 4 units, 0:20 left"),
    ],
)
def test_a_terminal_shows_rows_units_and_bad_rows(
    rows: int | None, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    clock = Clock()
    with BatchProgress(4, rows, None, clock=clock) as progress:
        for result in results(2):
            clock.now += 10.0
            progress.update(result)
    written = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert shown in written
