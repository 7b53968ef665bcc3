"""Sections on encoders on a GPU."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.models import Model
from benchmarks.records import Record
from benchmarks.report.numbers import (
    NONE,
    Row,
    brief,
    for_each_model,
    measured,
    over,
    round_medians_ms,
    section,
    shape_title,
)
from benchmarks.systems import OURS
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.reporting.document import Section, Table

MISSING: Final = (
    "Not measured: no GPU was available. On a machine with one, `python -m benchmarks gpu` "
    "measures edgebert's fp16 graphs beside torch in fp16 with SDPA, torch.compile with CUDA "
    "graphs, and sentence-transformers with its default. It also measures the matrix products "
    "alone."
)


def gpu_sections(records: Sequence[Record]) -> list[Section]:
    """One for each model."""
    return for_each_model(records, "gpu", _gpu)


def not_measured() -> Section:
    """What would measure it, for a page of all there is."""
    return Section(title="On a GPU", text=MISSING, command="python -m benchmarks gpu", blocks=[])


def _gpu(model: Model, record: Record) -> Section:
    text = (
        "Tokens in, one vector a text out. Milliseconds (time over the faster graph of "
        "edgebert). Above 1, edgebert is faster. `~128` is a batch of lengths up to 128. "
        "10¹² operations a second are those of the model's matrix products. The fraction is "
        f"of the rate of those products alone. {record['card'] or 'No GPU'};"
    )
    return section(record, f"On a GPU, {model.title}", text, [_times(record), _rates(record)])


def _times(record: Record) -> Table:
    rows = measured(record["rows"])
    shapes = list(rows[0]["samples_us"]) if rows else []
    return Table(
        columns=["", "setting", *map(shape_title, shapes)],
        rows=[
            [row["system"], row["setting"] or "default", *(_cell(row, rows, s) for s in shapes)]
            for row in rows
        ],
        caption="ms (time over edgebert's)",
    )


def _cell(row: Row, rows: Sequence[Row], shape: str) -> str:
    time, ours = brief(_median(row, shape)), fastest_of_ours(rows, shape)
    if row["maker"] == OURS or ours is None:
        return time
    return f"{time} ({over(row, ours, shape).median:.2f})"


def fastest_of_ours(rows: Sequence[Row], shape: str) -> Row | None:
    """Ours with the least time of a shape."""
    ours = [row for row in rows if row["maker"] == OURS]
    return min(
        ours, key=lambda row: Quartiles.of(round_medians_ms(row, shape)).median, default=None
    )


def _median(row: Row, shape: str) -> float:
    return Quartiles.of(round_medians_ms(row, shape)).median


def _rates(record: Record) -> Table:
    floors = record["floors"]
    rows = [
        [row["system"], *(_rate(row, floor) for floor in floors)]
        for row in measured(record["rows"])
    ]
    return Table(
        columns=["", *(shape_title(floor["shape"]) for floor in floors)],
        rows=rows,
        caption="10¹² operations a second (fraction of the products alone)",
    )


def _rate(row: Row, floor: Mapping[str, Any]) -> str:
    times = round_medians_ms(row, floor["shape"])
    if len(floor["ms"]) != len(times):  # the products alone failed, in one round at least
        return NONE
    rate = floor["giga_operations"] / Quartiles.of(times).median
    parts = [bare / time for bare, time in zip(floor["ms"], times, strict=True)]
    return f"{rate:.2f} ({Quartiles.of(parts).median:.2f})"
