"""README's table of edgebert beside the tools that people use, in int8."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.records import Record
from benchmarks.report.numbers import (
    NONE,
    first_passes,
    mebibytes,
    record_that,
    row_that,
    totals_ms,
)


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One row.

    Attributes:
        name: as its authors write it.
        tasks: what it answers, by its documentation.
        gpu: the GPUs it runs on, by its documentation.
        engine: its name in the records of whole programs; empty if it was not measured.
        file: the system whose int8 file it runs, in the record of accuracy.
    """

    name: str
    tasks: str
    gpu: str
    engine: str = ""
    file: str = ""


TOOLS: Final = (
    Tool(
        name="edgebert",
        tasks="the seven above",
        gpu="never run",
        engine="edgebert_int8",
        file="edgebert int8",
    ),
    Tool(
        name="the same with edgebert-native",
        tasks="the seven above",
        gpu="no",
        engine="edgebert_int8_native",
        file="edgebert int8 native",
    ),
    Tool(
        name="sentence-transformers",
        tasks="`embed`, `rank`",
        gpu="all of torch's",
        engine="sentence_transformers_onnx",
        file="optimum int8",
    ),
    Tool(
        name="optimum",
        tasks="all of transformers'",
        gpu="NVIDIA, AMD",
        engine="optimum",
        file="optimum int8",
    ),
    Tool(
        name="fastembed",
        tasks="`embed`, `rank`",
        gpu="NVIDIA",
        engine="fastembed_32",
        file="optimum int8",
    ),
    Tool(
        name="OpenVINO with NNCF",
        tasks="graphs only",
        gpu="Intel",
        engine="openvino",
        file="OpenVINO int8, f32",
    ),
    Tool(
        name="CTranslate2",
        tasks="vectors of tokens; generation",
        gpu="NVIDIA",
        engine="ctranslate2",
        file="CTranslate2 int8",
    ),
    Tool(
        name="text-embeddings-inference", tasks="`embed`, `rank`, `classify`", gpu="NVIDIA, Intel"
    ),
)

COLUMNS: Final = (
    *("", "texts/s", "cosine to torch, mean", "worst", "change in a batch", "first vector, ms"),
    *("installed, MiB", "tasks", "GPU"),
)


def beside(records: Sequence[Record]) -> str:
    """The table as markdown.

    Raises:
        LookupError: a tool that names an engine was not measured.
    """
    lines = [COLUMNS, ("---", *["---:"] * 6, "---", "---")]
    lines += [(tool.name, *_numbers(tool, records), tool.tasks, tool.gpu) for tool in TOOLS]
    return "\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n\n"


def _numbers(tool: Tool, records: Sequence[Record]) -> tuple[str, ...]:
    if not tool.engine:
        return (NONE,) * 6
    quality = row_that(record_that(records, "accuracy")["rows"], system=tool.file)
    change = f"{quality['batch']:.3f}" if quality["batch"] else "0"
    return (
        f"{_rate(tool, records):.0f}",
        f"{quality['mean']:.4f}",
        f"{quality['worst']:.3f}",
        change,
        *_start(tool, records),
    )


def _rate(tool: Tool, records: Sequence[Record]) -> float:
    """Texts a second of the mixed stream, on all cores, in the first pass."""
    record = record_that(records, "throughput")
    cores = max(row["cores"] for row in record["rows"])
    row = row_that(record["rows"], engine=tool.engine, stream="mixed", cores=cores)
    return float(median(record["streams"]["mixed"] / each for each in first_passes(row)))


def _start(tool: Tool, records: Sequence[Record]) -> tuple[str, str]:
    """Milliseconds to the first vector and MiB installed; fastembed has one row for all batches."""
    rows = record_that(records, "start", "minilm")["rows"]
    engine = tool.engine.removesuffix("_32")
    row = row_that(rows, engine=engine)
    return f"{median(totals_ms(row)):.0f}", mebibytes(row["installed_bytes"])
