"""From raw samples to what a table says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from benchmarks.models import MODELS, Model
from benchmarks.pairing import Ratio, ratio
from benchmarks.records import Record, find
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.document import Block, Section

NONE: Final = "–"
"""In place of a number that there is none of."""

MICRO: Final = 1e3
"""Microseconds in a millisecond."""

MILLI: Final = 1e3
"""Milliseconds in a second."""

Row = Mapping[str, Any]


def totals_ms(row: Row) -> list[float]:
    """From a process's start to its first vector, one a round."""
    return [sum(stretches.values()) for stretches in row["ms"]]


def first_passes(row: Row) -> list[float]:
    """Seconds over a stream that the engine had not seen, one a round."""
    return [passes[0] for passes in row["seconds"]]


def later_passes(row: Row) -> list[float]:
    """Seconds over a stream that it had seen: of every round that has such passes, their median."""
    return [median(passes[1:]) for passes in row["seconds"] if len(passes) > 1]


def round_medians_ms(row: Row, shape: str) -> list[float]:
    """A system's median time of a shape, one a round."""
    return [median(samples) / MICRO for samples in row["samples_us"][shape]]


def over(row: Row, baseline: Row, shape: str) -> Ratio:
    """A system's time over another's, round by round."""
    return ratio(round_medians_ms(row, shape), round_medians_ms(baseline, shape))


def measured(rows: Iterable[Row]) -> list[Row]:
    """Those with numbers."""
    return [row for row in rows if "failure" not in row]


def failures(rows: Iterable[Row]) -> str:
    """Who has no numbers, and why, as sentences; empty if all have."""
    found = dict.fromkeys(
        f"{row['system']} has no numbers: {' '.join(row['failure'].split())}"
        for row in rows
        if "failure" in row
    )
    return " ".join(f"{text[:300].rstrip('.')}." for text in found)


def row_of(rows: Iterable[Row], **wanted: Any) -> Row | None:
    """The one with these fields and with numbers."""
    fitting = (row for row in measured(rows) if all(row[key] == wanted[key] for key in wanted))
    return next(fitting, None)


def record_that(records: Sequence[Record], case: str, about: str = "") -> Record:
    """The record of a case.

    Raises:
        LookupError: it was not measured.
    """
    record = find(records, case, about)
    if record is None:
        raise LookupError(f"the case {case} {about} was not measured")
    return record


def row_that(rows: Iterable[Row], **wanted: Any) -> Row:
    """The row with these fields and with numbers.

    Raises:
        LookupError: there is none.
    """
    row = row_of(rows, **wanted)
    if row is None:
        raise LookupError(f"nothing was measured of {wanted}")
    return row


OPENVINO_INT8: Final = ("OpenVINO int8, f32", "OpenVINO int8")
"""Its default takes bfloat16 where the CPU has it, and answers wrongly on some of them."""


def system_of(rows: Iterable[Row], names: Sequence[str]) -> str:
    """The first of these systems that was measured.

    Raises:
        LookupError: none was.
    """
    known = {row["system"] for row in measured(rows)}
    found = next((name for name in names if name in known), None)
    if found is None:
        raise LookupError(f"nothing was measured of {', '.join(names)}")
    return found


def brief(value: float) -> str:
    """Three digits that count, for a time."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def plain(row: Row) -> str:
    """A system's name for a chart, which shows no code."""
    return str(row["system"]).replace("`", "")


def mebibytes(size_bytes: float) -> str:
    """A size, without the unit."""
    return f"{size_bytes / MEBIBYTE:.0f}"


def shape_title(shape: str) -> str:
    """Batch × sequence as it is read."""
    return shape.replace("x", "×")


def again(name: str) -> str:
    """What measures one row again, behind the section's command."""
    return f"`--only {name!r}`" if " " in name else f"`--only {name}`"


def for_each_model(
    records: Sequence[Record], case: str, section_of: Callable[[Model, Record], Section]
) -> list[Section]:
    """The sections of a case that was measured of several models."""
    found = ((model, find(records, case, name)) for name, model in MODELS.items())
    return [section_of(model, record) for model, record in found if record]


def section(
    record: Record, title: str, text: str, blocks: list[Block], rows: Sequence[Row] = ()
) -> Section:
    """A section whose text ends with the machine and with what has no numbers."""
    return Section(
        title=title,
        text=f"{text} {taken_on(record)} {failures(rows or record['rows'])}".strip(),
        command=record["command"],
        blocks=blocks,
    )


def taken_on(record: Mapping[str, Any]) -> str:
    """What a record was measured on, and what it says of itself."""
    machine = record["machine"]
    flags, libraries = ", ".join(machine["flags"]), machine["libraries"]
    dirty = ", with changes" if machine["dirty"] else ""
    return (
        f"{machine['cpu']}, {machine['cores']} cores ({flags}), load {machine['load']} before, "
        f"onnxruntime {libraries['onnxruntime']}, torch {libraries['torch']}, "
        f"commit {machine['commit']}{dirty}. {record.get('note', '')}"
    ).strip()
