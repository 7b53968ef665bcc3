"""How time and memory grow: with tokens in a text, texts in a batch, cores, and texts in all."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

from benchmarks.cases.encoding import time_encoders
from benchmarks.engines import ENGINES, do
from benchmarks.models import MODELS, MODERNBERT_SMALL, Model
from benchmarks.pairing import in_turn
from benchmarks.prefork import LIMIT_S
from benchmarks.records import Record, new_record, rows_of
from benchmarks.systems import encoder
from benchmarks.texts import rated_sentences
from edgebert_runtime.engine.threads import usable_cores

CASE: Final = "growth"
SECONDS: Final = 0.15

SYSTEMS: Final = (
    "edgebert fp32",
    "edgebert int8",
    "edgebert int8 native",
    "torch eager",
    "optimum int8",
    "OpenVINO int8, f32",
    "CTranslate2 int8",
)

LONG_SYSTEMS: Final = ("edgebert fp32", "torch eager")

SEQUENCES: Final = tuple(f"1x{2**power}" for power in range(3, 10))
BATCHES: Final = tuple(f"{2**power}x32" for power in range(9))
LONG_SEQUENCES: Final = tuple(f"1x{2**power}" for power in range(9, 14))
COUNTS: Final = (100, 1000, 10_000, 100_000)
MOST: Final = 1_000_000
"""Texts of the long run."""

STREAMED: Final = ("edgebert_int8", "edgebert_int8_native", "sentence_transformers_onnx")
SLOWEST: Final = 100
"""Texts a second of somebody who does not hang."""

DIFFERENT: Final = 1000
"""More texts than these are the same ones again."""

MOST_OF_OTHERS: Final = 1000
"""Others take a list and are slow: as many texts as show the slope."""


def sequence(*, rounds: int) -> Record:
    """One text of 8 to 512 tokens."""
    return _shapes("sequence", SEQUENCES, rounds, [usable_cores()])


def batch(*, rounds: int) -> Record:
    """One text to 256 at once, 32 tokens each."""
    return _shapes("batch", BATCHES, rounds, [usable_cores()])


def cores(*, rounds: int) -> Record:
    """One core to all."""
    every = usable_cores()
    counts = sorted({1 << power for power in range(every.bit_length())} | {every})
    return _shapes("cores", ("1x128", "8x128"), rounds, counts)


def long(*, rounds: int) -> Record:
    """One text of 512 to 8,192 tokens, by an encoder that takes so many."""
    return _shapes("long", LONG_SEQUENCES, rounds, [usable_cores()], MODERNBERT_SMALL, LONG_SYSTEMS)


def _shapes(
    about: str,
    shapes: Sequence[str],
    rounds: int,
    threads: Sequence[int],
    model: Model = MODELS["minilm"],
    names: Sequence[str] = SYSTEMS,
) -> Record:
    record = new_record(CASE, about, command_of(about), rounds)
    record["rows"] = time_encoders(
        model,
        [encoder(name) for name in names],
        shapes=dict.fromkeys(threads, shapes),
        rounds=rounds,
        seconds=SECONDS,
    )
    return record


def texts(*, rounds: int, counts: Sequence[int] = COUNTS) -> Record:
    """So many texts in one go: seconds, and memory beside what the open model takes."""
    record = new_record(CASE, "texts", command_of("texts"), rounds)
    keys = [
        (name, count)
        for count in counts
        for name in STREAMED
        if name.startswith("edgebert") or count <= MOST_OF_OTHERS
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(rated_sentences(DIFFERENT)), encoding="utf-8")
        outcomes = in_turn({key: partial(_stream, path, *key) for key in keys}, rounds)
    record["rows"] = rows_of(
        outcomes,
        lambda key: {"engine": key[0], "system": ENGINES[key[0]].title, "texts": key[1]},
        lambda results: {name: [each[name] for each in results] for name in results[0]},
    )
    return record


def million(*, rounds: int) -> Record:
    """A million texts through our int8."""
    record = texts(rounds=rounds, counts=(MOST,))
    return record | {"about": "million", "command": command_of("million")}


def _stream(path: Path, name: str, count: int) -> dict[str, Any]:
    streams = name.startswith("edgebert")
    job = {"texts": str(path), "count": count, "streams": streams}
    limit_s = LIMIT_S + count / SLOWEST
    return do(name, usable_cores(), "stream", limit_s, **job)


def command_of(about: str) -> str:
    """What measures an axis again."""
    return f"python -m benchmarks growth {about}"


AXES: Final[Mapping[str, Callable[..., Record]]] = MappingProxyType(
    {
        "sequence": sequence,
        "batch": batch,
        "cores": cores,
        "long": long,
        "texts": texts,
        "million": million,
    }
)
