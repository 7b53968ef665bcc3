"""How long an answer takes while several ask at once, one query at a time."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.engines import ENGINES, do
from benchmarks.pairing import in_turn
from benchmarks.records import Record, new_record, rows_of
from benchmarks.texts import rated_sentences
from edgebert_runtime.engine.threads import usable_cores

CASE: Final = "load"
COMMAND: Final = "python -m benchmarks load"
CLIENTS: Final = 4
REQUESTS: Final = 600
"""A round; p99 is told of no fewer than `FEWEST_FOR_P99` in all rounds."""

FEWEST_FOR_P99: Final = 1000
TEXTS: Final = 300
LEFT_OUT: Final = ("sentence_transformers_bf16", "fastembed_32", "optimum")
"""They differ from another only in how they batch, or are slower than it."""


def measure(*, rounds: int, only: Sequence[str] = ()) -> Record:
    """Time engines in turn, on all cores."""
    record = new_record(CASE, "", COMMAND, rounds)
    record |= {"clients": CLIENTS}
    names = [name for name in ENGINES if name not in LEFT_OUT and (not only or name in only)]
    with TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.json"
        texts.write_text(json.dumps(rated_sentences(TEXTS)), encoding="utf-8")
        job: dict[str, Any] = {"texts": str(texts), "clients": CLIENTS, "requests": REQUESTS}
        cores = usable_cores()
        outcomes = in_turn(
            {name: partial(do, name, cores, "load", **job) for name in names}, rounds
        )
    record["rows"] = rows_of(outcomes, _described, _joined)
    return record


def _described(name: str) -> dict[str, Any]:
    return {"engine": name, "system": ENGINES[name].title}


def _joined(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "samples_us": [each["samples_us"] for each in results],
        "seconds": [each["seconds"] for each in results],
    }
