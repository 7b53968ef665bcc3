"""The section on fewer heads and neurons."""

from collections.abc import Sequence

from benchmarks.records import Record, find
from benchmarks.report.numbers import Row, section
from edgebert_runtime.reporting.document import Section, Table

COLUMNS = ("", "1x32", "8x128", "mixed", "multiplications", "recall@1, fp32", "recall@1, int8")


def prune_sections(records: Sequence[Record]) -> list[Section]:
    """Speed and recall of pruned MiniLMs beside the whole one."""
    record = find(records, "prune")
    if record is None:
        return []
    text = (
        f"MiniLM, pruned without training by {record['texts']:,} package descriptions to a speed "
        "in int8. Speeds are over the whole model in int8, by paired rounds; `multiplications` is "
        f"how many fewer the layers need. `recall@1`: per cent of {record['searched']:,} other "
        "short descriptions whose nearest long description is of the same package."
    )
    table = Table(columns=list(COLUMNS), rows=[_row(row) for row in record["rows"]])
    return [section(record, "Fewer heads and neurons, MiniLM", text, [table])]


def _row(row: Row) -> list[str]:
    speedups = row.get("speedups", {})
    return [
        row["system"],
        *(f"{speedups.get(shape, 1):.2f}" for shape in COLUMNS[1:4]),
        f"{row.get('multiplications', 1):.2f}",
        f"{100 * row['recall_fp32']:.2f}",
        f"{100 * row['recall_int8']:.2f}",
    ]
