"""The section on a smaller vocabulary."""

from collections.abc import Sequence

from benchmarks.records import Record, find
from benchmarks.report.numbers import Row, section
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.document import Section, Table

COLUMNS = ("", "token vectors", "tokens", "int8 file, MiB", "recall@1, fp32", "recall@1, int8")


def trim_sections(records: Sequence[Record]) -> list[Section]:
    """Tokens, size and recall of a trimmed MiniLM beside the untrimmed one."""
    record = find(records, "trim")
    if record is None:
        return []
    text = (
        f"MiniLM, trimmed by {record['pairs']:,} pairs of short and long English package "
        "descriptions, and measured on as many others. `tokens`: of these others, over those of "
        f"the untrimmed model. `recall@1`: per cent of {record['searched']:,} short descriptions "
        "whose nearest long description is of the same package."
    )
    first = record["rows"][0]
    table = Table(columns=list(COLUMNS), rows=[_row(row, first) for row in record["rows"]])
    return [section(record, "A smaller vocabulary, MiniLM", text, [table])]


def _row(row: Row, first: Row) -> list[str]:
    return [
        row["system"],
        f"{row['rows']:,}",
        f"{row['tokens'] / first['tokens']:.3f}",
        f"{row['size_bytes'] / MEBIBYTE:.1f}",
        f"{100 * row['recall_fp32']:.2f}",
        f"{100 * row['recall_int8']:.2f}",
    ]
