"""Sections on servers under clients, and on batch jobs."""

from collections.abc import Callable, Sequence
from itertools import chain
from statistics import median, quantiles
from typing import Any

from benchmarks.cases.load import FEWEST_FOR_P99
from benchmarks.pairing import ratio
from benchmarks.records import Record, find
from benchmarks.report.numbers import MICRO, MILLI, NONE, Row, again, measured, row_of, section
from benchmarks.scale.server import OVERLOAD, SCENARIOS
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.document import Section, Table

Found = dict[str, Any]
"""What one round of a scenario found."""

OVERLOADED = "overload"
ALONE = "1x1"

VECTOR_BYTES = 384 * 4
"""Of a vector of MiniLM in float32."""


def server_sections(records: Sequence[Record]) -> list[Section]:
    """Servers under clients, beside the same model offline."""
    record = find(records, "server")
    if record is None:
        return []
    rows = record["rows"]
    text = (
        "`64x1`: 64 clients that ask one text each, and the next one as soon as the answer is "
        "there. `beside 2048`: another client asks 2,048 texts in one request all the time. "
        f"The load generator is `benchmarks/{record['generator']}`, a process on the same cores; "
        "`generator` is its CPU time. `over offline`: texts a second over a call with all texts of "
        "the same encoder. `CPU over offline`: CPU milliseconds a text beyond those of that call. "
        f"`overload`: {OVERLOAD} times as many requests as 64 clients had answered. A 99th "
        f"percentile needs at least {FEWEST_FOR_P99} answers. Medians of rounds."
    )
    tables = [
        Table(
            columns=[
                *("", "texts/s", "over offline", "p50 ms", "p99 ms", "CPU ms a text"),
                *("CPU over offline", "generator"),
            ],
            rows=[_scenario_row(row, rows, name) for row in _servers(rows)],
            caption=f"clients x texts of a request: {name}",
        )
        for name in (*SCENARIOS, OVERLOADED)
    ]
    start = Table(
        columns=["", "start to first answer, s", "peak MiB, 64 clients", "p50 over a call, ms"],
        rows=[_start_row(row, rows) for row in _servers(rows)],
        caption="start, memory, and the median wait of one client beyond that of a call",
    )
    return [section(record, "Servers under clients, MiniLM", text, [*tables, start])]


def batch_sections(records: Sequence[Record]) -> list[Section]:
    """Batch jobs on each engine, and what a driver does for very many rows."""
    sections = []
    if record := find(records, "batch"):
        sections.append(_batch(record))
    if record := find(records, "batch plan"):
        sections.append(_batch_plan(record))
    return sections


def _batch(record: Record) -> Section:
    text = (
        f"{record['texts']:,} texts of a Parquet file, stock int8, with two threads in all: "
        "`embed --input` in one process, and `edgebert-run batch` with two workers on each engine. "
        "The whole command is timed, with the start of its engine. `over embed`: texts a second "
        f"over `embed --input`, median of {record['rounds']} rounds (quartiles). `over raw`: bytes "
        "of what was written over those of the vectors as float32."
    )
    table = Table(
        columns=["", "texts/s", "over embed", "over raw", "again"],
        rows=[_batch_row(row, record) for row in record["rows"]],
    )
    return section(record, "Batch jobs, MiniLM", text, [table])


def _batch_row(row: Row, record: Record) -> list[str]:
    if "failure" in row:
        return [row["system"], *[NONE] * 3, again(row["contender"])]
    found, embed = row["measured"], row_of(record["rows"], contender="embed")
    raw = record["texts"] * VECTOR_BYTES
    return [
        row["system"],
        f"{median(each['texts_per_second'] for each in found):.0f}",
        NONE if embed is None else str(ratio(_seconds(embed), _seconds(row))),
        f"{median(each['bytes'] for each in found) / raw:.2f}",
        again(row["contender"]),
    ]


def _seconds(row: Row) -> list[float]:
    return [each["seconds"] for each in row["measured"]]


def _batch_plan(record: Record) -> Section:
    text = (
        "The planner and the committer of a batch job with a model that does no work. A share of "
        "the units is committed, because a commit does the same for every unit; the other numbers "
        "are of all. Files lie in memory."
    )
    table = Table(
        columns=["rows", "units", "planned, s", "committed", "in s", "resumed, s", "peak, MiB"],
        rows=[
            [
                f"{row['rows']:,}",
                f"{row['units']:,}",
                f"{row['plan_s']:.1f}",
                f"{row['committed']:,}",
                f"{row['run_s']:.1f}",
                f"{row['resume_s']:.1f}",
                f"{row['peak_bytes'] / MEBIBYTE:.0f}",
            ]
            for row in record["rows"]
        ],
    )
    return section(record, "What 10⁹ rows cost the driver", text, [table])


def _servers(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row["server"].startswith("offline")]


def _scenario_row(row: Row, rows: Sequence[Row], name: str) -> list[str]:
    found = [each[name] for each in row.get("measured", ()) if name in each]
    if not found:
        return [row["system"], *[NONE] * 7]
    calls = _calls(row, rows)
    speeds, costs = list(map(_speed, found)), list(map(_cpu_ms, found))
    return [
        row["system"],
        f"{median(speeds):.0f}",
        _compared(speeds, [each["texts"] / each["seconds"] for each in calls], "{:.2f}", _over),
        *_percentiles(found),
        f"{median(costs):.2f}",
        _compared(
            costs, [MILLI * each["cpu_s"] / each["texts"] for each in calls], "{:.2f}", _beyond
        ),
        f"{median(MILLI * each['cpu_s'] / _texts(each) for each in found):.3f}",
    ]


def _start_row(row: Row, rows: Sequence[Row]) -> list[str]:
    found = row.get("measured", ())
    if not found:
        return [row["system"], *[NONE] * 3]
    waits, calls = (
        [median(each["samples_us"]) / MICRO for each in those]
        for those in ([each[ALONE] for each in found], _calls(row, rows))
    )
    return [
        row["system"],
        f"{median(each['start_s'] for each in found):.2f}",
        f"{median(each['peak_bytes'] for each in found) / MEBIBYTE:.0f}",
        _compared(waits, calls, "{:.2f}", _beyond),
    ]


def _calls(row: Row, rows: Sequence[Row]) -> list[Found]:
    """What the encoder of a server found offline, a round each; nothing where it was not asked."""
    way = row["server"].rpartition("_")[2]
    offline = row_of(measured(rows), server=f"offline_{way}")
    return list(offline["measured"]) if offline else []


def _texts(found: Found) -> int:
    """Texts that were answered; where none was, those that were asked."""
    return int(found["texts"]) * (len(found["samples_us"]) or len(found["refused_us"]))


def _speed(found: Found) -> float:
    return float(found["texts"] * len(found["samples_us"]) / found["seconds"])


def _cpu_ms(found: Found) -> float:
    return float(MILLI * found["server_cpu_s"] / _texts(found))


def _over(served: float, offline: float) -> float:
    return served / offline


def _beyond(served: float, offline: float) -> float:
    return served - offline


def _compared(
    served: Sequence[float],
    offline: Sequence[float],
    form: str,
    compare: Callable[[float, float], float],
) -> str:
    """Round by round, beside the call without a server."""
    if len(served) != len(offline):
        return NONE
    return form.format(median(map(compare, served, offline)))


def _percentiles(found: Sequence[Found]) -> list[str]:
    samples = [each / MICRO for each in chain(*(one["samples_us"] for one in found))]
    if len(samples) < 2:
        return [NONE, NONE]
    cuts = quantiles(samples, n=100, method="inclusive")
    enough = len(samples) >= FEWEST_FOR_P99
    return [f"{cuts[49]:.1f}", f"{cuts[98]:.1f}" if enough else NONE]
