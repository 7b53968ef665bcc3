"""The rows of a file to vectors: `embed --input` beside batch jobs on each engine."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

import pyarrow
from pyarrow import parquet

from benchmarks.engines import MINILM, OURS, warm_folder
from benchmarks.environments import interpreter
from benchmarks.machine import ROOT
from benchmarks.pairing import PeerError, in_turn
from benchmarks.records import Record, new_record, rows_of
from benchmarks.scale.servers import STOCK
from benchmarks.texts import rated_sentences

CASE: Final = "batch"
COMMAND: Final = "python -m benchmarks scale batch"
ROWS: Final = 200_000
GROUP: Final = 10_000
"""Rows of a row group."""

SENTENCES: Final = 10_000
"""Different ones; they come again and again."""

EMBED: Final = "embed"
WORKERS: Final = 2

CONTENDERS: Final[Mapping[str, str]] = MappingProxyType(
    {EMBED: "ray", "local": "ray", "ray": "ray", "spark": "spark"}
)
"""Name → its environment; what needs no engine runs beside Ray."""

FARTHEST: Final = 1e-3
"""Between two vectors of one text: int8 rounds otherwise in another micro-batch."""


def measure(*, rounds: int, only: Sequence[str] = (), share: float = 1.0) -> Record:
    """Measure each way to embed the same rows in turn, with MiniLM in int8.

    Args:
        rounds: turns of each.
        only: names of contenders; none for all. `embed` is always there.
        share: of the rows, above 0 and up to 1.

    Raises:
        PeerError: an environment cannot be made.
    """
    bundle = warm_folder(MINILM, OURS.rpartition("_")[2])
    return measure_bundle(bundle, int(ROWS * share), rounds=rounds, only=only)


def measure_bundle(bundle: Path, rows: int, *, rounds: int, only: Sequence[str] = ()) -> Record:
    """Measure with any bundle of vectors.

    Args:
        bundle: its folder.
        rows: how many.
        rounds: turns of each contender.
        only: names of contenders; none for all.
    """
    record = new_record(CASE, "", COMMAND, rounds)
    names = [name for name in CONTENDERS if not only or name in (EMBED, *only)]
    pythons = {name: interpreter(CONTENDERS[name]) for name in names}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_rows(folder / "rows.parquet", rows)
        steps = {name: partial(_ran, name, pythons[name], bundle, folder) for name in names}
        record["rows"] = rows_of(in_turn(steps, rounds), _described, _joined)
    return record | {"texts": rows}


def _described(name: str) -> dict[str, Any]:
    title = "embed --input" if name == EMBED else f"batch --engine {name}"
    return {"contender": name, "system": title}


def _joined(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"measured": list(results)}


def _write_rows(path: Path, count: int) -> None:
    sentences = rated_sentences(min(count, SENTENCES))
    texts = [sentences[at % len(sentences)] for at in range(count)]
    parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=GROUP)


def _ran(name: str, python: Path, bundle: Path, folder: Path) -> dict[str, Any]:
    """Wall time of the whole command, and the size of what it wrote.

    Raises:
        PeerError: it failed, or gives other vectors than `embed` did.
    """
    with TemporaryDirectory(dir=folder) as scratch:
        out = Path(scratch) / ("vectors.parquet" if name == EMBED else "vectors")
        begun = time.perf_counter()
        _run([str(python), "-m", "edgebert_runtime", *_arguments(name, bundle, folder, out)])
        seconds = time.perf_counter() - begun
        found = parquet.read_table(out)
        _check(name, found, folder / "expected.parquet")
        size = sum(path.stat().st_size for path in ([out] if out.is_file() else out.iterdir()))
    return {"seconds": seconds, "texts_per_second": found.num_rows / seconds, "bytes": size}


def _arguments(name: str, bundle: Path, folder: Path, out: Path) -> list[str]:
    rows = str(folder / "rows.parquet")
    if name == EMBED:
        return ["embed", str(bundle), "--input", rows, "--output", str(out), "--quiet"]
    engine = ["--engine", name, "--workers", str(WORKERS), "--threads", "1"]
    return ["batch", str(bundle), rows, str(out), *engine, "--quiet"]


def _run(command: Sequence[str]) -> None:
    environment = {**os.environ, **STOCK, "PYTHONPATH": str(ROOT / "runtime")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(
            f"{' '.join(command[3:])} ends with {done.returncode}: {done.stderr[-400:]}"
        )


def _check(name: str, found: Any, expected: Path) -> None:
    """Hold vectors against those that came first; a wrong answer has no speed."""
    if not expected.exists():
        parquet.write_table(found, expected)
    wanted = _vectors(parquet.read_table(expected))
    vectors = _vectors(found)
    if vectors.shape != wanted.shape or abs(vectors - wanted).max() > FARTHEST:
        raise PeerError(f"{name} gives other vectors than what ran first")


def _vectors(table: Any) -> Any:
    column = table.column("embedding").combine_chunks()
    return column.flatten().to_numpy().reshape(len(column), -1)
