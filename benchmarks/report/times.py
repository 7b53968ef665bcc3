"""Everything of ours that a run timed, by name: what two runs are compared by."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, Final

from benchmarks.records import Record
from benchmarks.report.numbers import MICRO, Row, measured, round_medians_ms

MILLI: Final = 1e3
"""Milliseconds in a second."""


def times_of(records: Sequence[Record]) -> dict[str, list[float]]:
    """Name → ms, one a round."""
    return {
        f"{record['case']} {record['about']}: {name}".replace(" :", ":"): times
        for record in records
        for row in measured(record["rows"])
        if _is_ours(row)
        for name, times in _times(row)
        if len(times) > 1
    }


def _is_ours(row: Row) -> bool:
    return str(row.get("engine", row["contender"])).startswith("edgebert")


def _times(row: Row) -> Iterator[tuple[str, list[float]]]:
    """Of a row of any case; what it is about, and rounds."""
    where = [f"{row[key]}" for key in ("stream", "texts") if key in row]
    where += [f"{row[key]} cores" for key in ("threads", "cores") if key in row]
    name = ", ".join([row["contender"], *where])
    samples: Any = row.get("samples_us")
    if isinstance(samples, dict):
        yield from ((f"{name}, {shape}", round_medians_ms(row, shape)) for shape in samples)
    elif samples is not None:
        yield name, [median(each) / MICRO for each in samples]
    elif "ms" in row:
        yield name, [sum(stretches.values()) for stretches in row["ms"]]
    elif "seconds" in row:
        yield name, [MILLI * _first(each) for each in row["seconds"]]


def _first(seconds: float | Sequence[float]) -> float:
    """Of passes the first, or the only one."""
    return seconds[0] if isinstance(seconds, list) else float(seconds)  # type: ignore[arg-type]
