"""The numbers that README and the page of evidence say, taken from the committed records."""

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import Final

from benchmarks.pairing import ratio
from benchmarks.records import Record
from benchmarks.report.beside import beside
from benchmarks.report.numbers import (
    OPENVINO_INT8,
    Row,
    first_passes,
    later_passes,
    measured,
    over,
    record_that,
    row_of,
    row_that,
    system_of,
    totals_ms,
)
from benchmarks.report.texts import throughput_answer

MARKED: Final = re.compile(r"<!--(\w+)-->.*?<!--/\1-->", re.DOTALL)
"""A stretch of a document that has a headline, between two comments with its name."""

INT8_FILES: Final = ("sentence_transformers_onnx", "optimum", "fastembed", "fastembed_32")
"""Everybody's engines with an int8 file and settings as they come."""

NATIVE: Final = "edgebert int8 native"


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
    record = record_that(records, "accuracy")

    def quality(name: str) -> tuple[str, str]:
        row = row_that(record["rows"], system=name)
        return f"{row['mean']:.3f}", f"{row['worst']:.3f}"

    ours = row_that(record["rows"], system="edgebert int8")
    native = row_of(record["rows"], system=NATIVE)
    with_native = (
        f", with edgebert-native {native['mean']:.4f} and {native['worst']:.3f}" if native else ""
    )
    plain, channel, intel = (
        " and ".join(quality(name))
        for name in (
            "optimum int8",
            "optimum int8, per channel",
            system_of(record["rows"], OPENVINO_INT8),
        )
    )
    return (
        f"cosine to torch {ours['mean']:.4f} on average and {ours['worst']:.3f} at worst, on "
        f"{record['texts']:,} unseen texts{with_native}. optimum's `avx512_vnni` preset has "
        f"{plain}, with its per-channel option {channel}. NNCF with OpenVINO has {intel}. "
        f"Recall@1 of {record['pairs']:,} pairs is {100 * ours['recall']:.2f} %, with torch "
        f"{100 * record['reference_recall']:.2f} %."
    )


def latency(records: Sequence[Record]) -> str:
    """Encoders beside optimum and OpenVINO, every shape, all cores."""
    return " ".join(
        _latency_of(title, record_that(records, "latency", model)["rows"])
        for model, title in (("minilm", "MiniLM"), ("bert-base", "BERT-base"))
    )


def _latency_of(title: str, rows: Sequence[Row]) -> str:
    openvino = system_of(rows, OPENVINO_INT8)
    native = ""
    if row_of(rows, system=NATIVE):
        native = (
            f"With edgebert-native it is {_range(rows, 'optimum int8', NATIVE)} and "
            f"{_range(rows, openvino, NATIVE)} times as fast. "
        )
    return (
        f"{title} in int8 is {_range(rows, 'optimum int8', 'edgebert int8')} times as fast as "
        "optimum's `avx512_vnni` file, and "
        f"{_range(rows, openvino, 'edgebert int8')} times as fast as OpenVINO's int8. {native}"
        f"{title} in fp32 is {_range(rows, 'optimum', 'edgebert fp32')} times as fast as "
        f"optimum's export, and {_range(rows, 'torch eager', 'edgebert fp32')} times as torch."
    )


def _range(rows: Sequence[Row], theirs: str, ours: str) -> str:
    """Their time over ours, from the least favourable shape to the most."""
    threads = max(row["threads"] for row in rows)
    peer = row_that(rows, system=theirs, threads=threads)
    own = row_that(rows, system=ours, threads=threads)
    ratios = [over(peer, own, shape).median for shape in own["samples_us"]]
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def throughput(records: Sequence[Record]) -> str:
    """Texts in, vectors out, as they come, all cores."""
    rows = record_that(records, "throughput")["rows"]
    cores = max(row["cores"] for row in rows)
    mixed = {
        row["engine"]: row
        for row in measured(rows)
        if (row["stream"], row["cores"]) == ("mixed", cores)
    }
    first = {name: first_passes(row) for name, row in mixed.items()}
    int8, fp32, native = (
        first[name] for name in ("edgebert_int8", "edgebert_fp32", "edgebert_int8_native")
    )
    torch = first["sentence_transformers"]
    best = min(ratio(first[name], int8).median for name in INT8_FILES if name in first)
    later = {
        name: median(later_passes(mixed[name]) or first[name])
        for name in ("edgebert_int8", "openvino")
    }
    return (
        f"int8 is {ratio(torch, int8).median:.1f} times as fast as sentence-transformers with "
        f"torch, fp32 {ratio(torch, fp32).median:.1f} times, int8 with edgebert-native "
        f"{ratio(torch, native).median:.1f} times. int8 is {best:.1f} times as fast as "
        "the fastest of sentence-transformers, optimum and fastembed with an int8 file. It is "
        f"{ratio(first['openvino'], int8).median:.2f} times as fast as OpenVINO int8 on texts "
        "that OpenVINO has not seen, and "
        f"{later['openvino'] / later['edgebert_int8']:.2f} times on texts that it has seen."
    )


def start(records: Sequence[Record]) -> str:
    """Process start to first vector beside the bare libraries."""
    small, large = (
        record_that(records, "start", model)["rows"] for model in ("minilm", "bert-base")
    )
    kept = row_that(large, engine="edgebert_fp32_kept")
    return (
        f"MiniLM in int8 takes {_over_bare(small, 'edgebert_int8')} times their time, and "
        f"{_over_bare(small, 'edgebert_int8_kept')} times after `edgebert-run warm`. With "
        f"edgebert-native it takes {_over_bare(small, 'edgebert_int8_native')} and "
        f"{_over_bare(small, 'edgebert_int8_native_kept')} times. BERT-base in "
        f"fp32 takes {_over_bare(large, 'edgebert_fp32')} times, and "
        f"{_over_bare(large, 'edgebert_fp32_kept')} times after it ({median(totals_ms(kept)):.0f} "
        "ms)."
    )


def _over_bare(rows: Sequence[Row], engine: str) -> str:
    bare = next(row for row in rows if row["engine"].startswith("bare"))
    own = row_that(rows, engine=engine)
    return f"{ratio(totals_ms(own), totals_ms(bare)).median:.2f}"


def answer(records: Sequence[Record]) -> str:
    """One sentence on texts a second, which opens the page of benchmarks, too."""
    return throughput_answer(records)[0]


def machine(records: Sequence[Record]) -> str:
    """What the texts a second were measured on."""
    found = record_that(records, "throughput")["machine"]
    return f"{found['cores']} cores of {found['cpu']} ({', '.join(found['flags'])})"


HEADLINES: Final[Mapping[str, Callable[[Sequence[Record]], str]]] = MappingProxyType(
    {
        "accuracy": accuracy,
        "answer": answer,
        "beside": beside,
        "latency": latency,
        "machine": machine,
        "start": start,
        "throughput": throughput,
    }
)
"""Name of a stretch → what stands there."""
