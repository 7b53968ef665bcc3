"""The numbers that the README says, taken from the committed records."""

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import Final

from benchmarks.pairing import ratio
from benchmarks.records import Record, find
from benchmarks.report.numbers import (
    Row,
    first_passes,
    later_passes,
    measured,
    over,
    row_of,
    totals_ms,
)

MARKED: Final = re.compile(r"<!--(\w+)-->.*?<!--/\1-->", re.DOTALL)
"""A stretch of the README that has a headline, between two comments with its name."""

INT8_FILES: Final = ("sentence_transformers_onnx", "optimum", "fastembed", "fastembed_32")
"""Everybody's engines with an int8 file and settings as they come."""


def filled(text: str, records: Sequence[Record]) -> str:
    """A text with every headline in its place.

    Raises:
        KeyError: it has a headline of a name that there is none of.
    """

    def put(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!--{name}-->{HEADLINES[name](records)}<!--/{name}-->"

    return MARKED.sub(put, text)


def accuracy(records: Sequence[Record]) -> str:
    """int8 beside others' int8."""
    record = _record(records, "accuracy")

    def quality(name: str) -> tuple[str, str]:
        row = _row(record["rows"], system=name)
        return f"{row['mean']:.3f}", f"{row['worst']:.3f}"

    ours = _row(record["rows"], system="edgebert int8")
    plain, channel, intel = (
        " and ".join(quality(name))
        for name in ("optimum int8", "optimum int8, per channel", "OpenVINO int8")
    )
    return (
        f"cosine to torch {ours['mean']:.4f} on average and {ours['worst']:.3f} at worst on "
        f"{record['texts']:,} unseen texts; optimum's `avx512_vnni` preset {plain}, per channel "
        f"{channel}; NNCF with OpenVINO {intel}. Recall@1 of {record['pairs']:,} pairs "
        f"{100 * ours['recall']:.2f} %, torch {100 * record['reference_recall']:.2f} %"
    )


def latency(records: Sequence[Record]) -> str:
    """Encoders beside optimum and OpenVINO, every shape, all cores."""
    parts = []
    for model, title in (("minilm", "MiniLM"), ("bert-base", "BERT-base")):
        rows = _record(records, "latency", model)["rows"]
        parts.append(
            f"{title} int8 {_range(rows, 'optimum int8', 'edgebert int8')} times the speed of "
            f"optimum's `avx512_vnni` file and {_range(rows, 'OpenVINO int8', 'edgebert int8')} "
            f"times OpenVINO's int8, fp32 {_range(rows, 'optimum', 'edgebert fp32')} times "
            f"optimum's plain export and {_range(rows, 'torch eager', 'edgebert fp32')} times torch"
        )
    return "; ".join(parts)


def _range(rows: Sequence[Row], theirs: str, ours: str) -> str:
    """Their time over ours, from the least favourable shape to the most."""
    threads = max(row["threads"] for row in rows)
    peer = _row(rows, system=theirs, threads=threads)
    own = _row(rows, system=ours, threads=threads)
    ratios = [over(peer, own, shape).median for shape in own["samples_us"]]
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def throughput(records: Sequence[Record]) -> str:
    """Texts in, vectors out, as they come, all cores."""
    rows = _record(records, "throughput")["rows"]
    cores = max(row["cores"] for row in rows)
    mixed = {
        row["engine"]: row
        for row in measured(rows)
        if (row["stream"], row["cores"]) == ("mixed", cores)
    }
    first = {name: first_passes(row) for name, row in mixed.items()}
    int8, fp32 = first["edgebert_int8"], first["edgebert_fp32"]
    torch = first["sentence_transformers"]
    best = min(ratio(first[name], int8).median for name in INT8_FILES if name in first)
    later = {
        name: median(later_passes(mixed[name]) or first[name])
        for name in ("edgebert_int8", "openvino")
    }
    return (
        f"int8 {ratio(torch, int8).median:.1f} times the speed of sentence-transformers with torch "
        f"and fp32 {ratio(torch, fp32).median:.1f} times; int8 {best:.1f} times the fastest of "
        "sentence-transformers, optimum and fastembed with an int8 file; "
        f"{ratio(first['openvino'], int8).median:.2f} times OpenVINO int8 on texts it has not "
        f"seen, {later['openvino'] / later['edgebert_int8']:.2f} on texts it has"
    )


def start(records: Sequence[Record]) -> str:
    """Process start to first vector beside the bare libraries."""
    small, large = (_record(records, "start", model)["rows"] for model in ("minilm", "bert-base"))
    kept = _row(large, engine="edgebert_fp32_kept")
    return (
        f"int8 MiniLM {_over_bare(small, 'edgebert_int8')} times their time, "
        f"{_over_bare(small, 'edgebert_int8_kept')} after `edgebert-run warm`; BERT-base fp32 "
        f"{_over_bare(large, 'edgebert_fp32')} times, and {_over_bare(large, 'edgebert_fp32_kept')}"
        f" after it: {median(totals_ms(kept)):.0f} ms"
    )


def _over_bare(rows: Sequence[Row], engine: str) -> str:
    bare = next(row for row in rows if row["engine"].startswith("bare"))
    own = _row(rows, engine=engine)
    return f"{ratio(totals_ms(own), totals_ms(bare)).median:.2f}"


def _record(records: Sequence[Record], case: str, about: str = "") -> Record:
    record = find(records, case, about)
    if record is None:
        raise LookupError(f"the case {case} {about} was not measured")
    return record


def _row(rows: Sequence[Row], **wanted: object) -> Row:
    row = row_of(rows, **wanted)
    if row is None:
        raise LookupError(f"nothing was measured of {wanted}")
    return row


HEADLINES: Final[Mapping[str, Callable[[Sequence[Record]], str]]] = MappingProxyType(
    {"accuracy": accuracy, "latency": latency, "throughput": throughput, "start": start}
)
"""Name of a stretch → what stands there."""
