"""README's table of edgebert beside the tools that people use, in int8."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.records import Record
from benchmarks.report.numbers import (
    NONE,
    OPENVINO_INT8,
    first_passes,
    mebibytes,
    record_that,
    row_of,
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
        files: systems with the int8 file that it runs, in the record of accuracy; the first that
            was measured counts.
    """

    name: str
    tasks: str
    gpu: str
    engine: str = ""
    files: Sequence[str] = ()


TOOLS: Final = (
    Tool(
        name="edgebert",
        tasks="the seven above",
        gpu="never run",
        engine="edgebert_int8",
        files=("edgebert int8",),
    ),
    Tool(
        name="the same with edgebert-native",
        tasks="the seven above",
        gpu="no",
        engine="edgebert_int8_native",
        files=("edgebert int8 native",),
    ),
    Tool(
        name="sentence-transformers",
        tasks="`embed`, `rank`",
        gpu="all of torch's",
        engine="sentence_transformers_onnx",
        files=("optimum int8",),
    ),
    Tool(
        name="optimum",
        tasks="all of transformers'",
        gpu="NVIDIA, AMD",
        engine="optimum",
        files=("optimum int8",),
    ),
    Tool(
        name="fastembed",
        tasks="`embed`, `rank`",
        gpu="NVIDIA",
        engine="fastembed_32",
        files=("optimum int8",),
    ),
    Tool(
        name="OpenVINO with NNCF",
        tasks="graphs only",
        gpu="Intel",
        engine="openvino",
        files=OPENVINO_INT8,
    ),
    Tool(
        name="CTranslate2",
        tasks="vectors of tokens; generation",
        gpu="NVIDIA",
        engine="ctranslate2",
        files=("CTranslate2 int8",),
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
    return (f"{_rate(tool, records):.0f}", *_quality(tool, records), *_start(tool, records))


def _quality(tool: Tool, records: Sequence[Record]) -> tuple[str, str, str]:
    """Mean and worst cosine, and the largest change in a batch, where they were measured."""
    rows = record_that(records, "accuracy")["rows"]
    row = next((row for name in tool.files if (row := row_of(rows, system=name))), None)
    if row is None:
        return (NONE,) * 3
    change = f"{row['batch']:.3f}" if row["batch"] else "0"
    return f"{row['mean']:.4f}", f"{row['worst']:.3f}", change


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
    row = row_of(rows, engine=engine)
    if row is None:
        return NONE, NONE
    return f"{median(totals_ms(row)):.0f}", mebibytes(row["installed_bytes"])
