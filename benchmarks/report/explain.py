"""The section on explanations."""

from collections.abc import Sequence
from statistics import median

from benchmarks.cases.explain import WORDS
from benchmarks.pairing import ratio
from benchmarks.records import Record, find
from benchmarks.report.numbers import Row, section
from edgebert_runtime.reporting.document import Section, Table

KILO = 1000


def explain_sections(records: Sequence[Record]) -> list[Section]:
    """Seconds of Shapley values, and of a page."""
    record = find(records, "explain")
    if record is None:
        return []
    text = (
        f"MiniLM, its graphs open. Shapley values of the words of two texts of {WORDS} "
        "words each, whose cosine is the answer, to a standard error of 1 % of it. `over embed`: "
        "time over `embed` of as many texts, each as long as the whole one. A page has occlusion "
        "of every word and the maps of all heads."
    )
    rows = record["rows"]
    shapley = Table(
        columns=["variant", "answer", "texts run", "seconds", "over embed", "1 % reached"],
        rows=[_shapley_row(row) for row in rows if row["what"] == "shapley"],
        caption="Shapley values",
    )
    page = Table(
        columns=["words by", "tokens", "texts run", "seconds", "KB"],
        rows=[_page_row(row) for row in rows if row["what"] == "page"],
        caption="a page",
    )
    return [section(record, "Explanations, MiniLM", text, [shapley, page])]


def _shapley_row(row: Row) -> list[str]:
    return [
        row["variant"],
        f"{row['value']:.2f}",
        f"{row['runs']:,}",
        f"{median(row['seconds']):.2f}",
        str(ratio(row["seconds"], row["embed_seconds"])),
        "yes" if row["reached"] else "no",
    ]


def _page_row(row: Row) -> list[str]:
    return [
        row["variant"],
        str(row["tokens"]),
        str(row["runs"]),
        f"{median(row['seconds']):.2f}",
        f"{row['bytes'] / KILO:.0f}",
    ]
