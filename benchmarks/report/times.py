"""Everything of ours that a run timed, by name: what two runs are compared by."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from benchmarks.records import Record
from benchmarks.report.numbers import (
    MICRO,
    MILLI,
    Row,
    first_passes,
    measured,
    round_medians_ms,
    totals_ms,
)


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
    return str(row.get("engine", row["system"])).startswith("edgebert")


def _times(row: Row) -> Iterator[tuple[str, list[float]]]:
    """Of a row of any case; what it is about, and rounds."""
    where = [f"{row[key]}" for key in ("stream", "texts") if key in row]
    where += [f"{row[key]} cores" for key in ("threads", "cores") if key in row]
    name = ", ".join([row["system"], *where])
    samples: Any = row.get("samples_us")
    if isinstance(samples, dict):
        yield from ((f"{name}, {shape}", round_medians_ms(row, shape)) for shape in samples)
    elif samples is not None:
        yield name, [median(each) / MICRO for each in samples]
    elif "ms" in row:
        yield name, totals_ms(row)
    elif "stream" in row:
        yield name, [MILLI * seconds for seconds in first_passes(row)]
    elif "seconds" in row:
        yield name, [MILLI * seconds for seconds in row["seconds"]]
