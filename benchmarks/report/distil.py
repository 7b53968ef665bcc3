"""The section on a student of fewer layers."""

from collections.abc import Sequence

from benchmarks.records import Record, find
from benchmarks.report.numbers import Row, section
from edgebert_runtime.reporting.document import Section, Table

COLUMNS = ("", "mean cosine", "Spearman of similarities", "recall@1", "of the teacher's")


def distil_sections(records: Sequence[Record]) -> list[Section]:
    """A student beside its teacher."""
    record = find(records, "distil")
    if record is None:
        return []
    text = (
        f"MiniLM's first, middle and last layers, which learnt from {record['texts']:,} package "
        f"descriptions in {record['steps']:,} steps and {record['seconds'] / 60:.0f} minutes. "
        f"Measured on {record['searched']:,} other pairs of short and long descriptions, against "
        "the teacher. `recall@1`: per cent of short descriptions whose nearest long description "
        f"is of the same package. Mean cosine before the first step: "
        f"{record['untrained']['cosine']:.3f}."
    )
    teacher = record["rows"][0]
    table = Table(columns=list(COLUMNS), rows=[_row(row, teacher) for row in record["rows"]])
    return [section(record, "Fewer layers, MiniLM", text, [table])]


def _row(row: Row, teacher: Row) -> list[str]:
    return [
        row["system"],
        f"{row['cosine']:.3f}",
        f"{row['spearman']:.3f}",
        f"{100 * row['recall']:.2f}",
        f"{100 * row['recall'] / teacher['recall']:.1f} %",
    ]
