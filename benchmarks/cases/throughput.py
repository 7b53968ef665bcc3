"""Texts in, vectors out: how many a second, on queries, documents and both as they come."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines import ENGINES, do
from benchmarks.pairing import PeerError, in_turn
from benchmarks.records import Record, new_record, rows_of
from benchmarks.texts import mixed_texts, package_descriptions, rated_sentences
from edgebert_runtime.threads import usable_cores

CASE: Final = "throughput"
COMMAND: Final = "python -m benchmarks throughput"
SECONDS: Final = 1.0
"""An engine passes over a stream until it has taken so long."""

REFERENCE: Final = "sentence_transformers"
"""Whose vectors all others are compared with."""

STREAMS: Final[Mapping[str, Callable[[], list[str]]]] = MappingProxyType(
    {
        "queries": lambda: rated_sentences(600),
        "documents": lambda: package_descriptions(160),
        "mixed": lambda: mixed_texts(320),
    }
)
"""Short texts; long ones; three short ones for every two long ones, as they come."""

Key = tuple[str, str, int]
"""An engine's name, a stream and a number of cores."""


def measure(
    *,
    rounds: int,
    only: Sequence[str] = (),
    streams: Sequence[str] = tuple(STREAMS),
    cores: Sequence[int] = (),
) -> Record:
    """Time engines in turn; with less than all cores on the mixed stream only.

    Args:
        rounds: how often each has its turn.
        only: names of engines; none is all.
        streams: names of streams.
        cores: so many at a time; none is one and all.
    """
    record = new_record(CASE, "", COMMAND, rounds)
    every = usable_cores()
    chosen = [name for name in ENGINES if not only or name in only]
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        references = {stream: _reference(stream, folder) for stream in streams}
        keys = [
            (name, stream, count)
            for count in cores or sorted({1, every})
            for stream in streams
            if count == every or stream == "mixed"
            for name in chosen
        ]
        outcomes = in_turn(
            {key: partial(_passes, key, folder, references[key[1]]) for key in keys}, rounds
        )
    record["streams"] = {stream: len(STREAMS[stream]()) for stream in streams}
    record["rows"] = rows_of(outcomes, _described, lambda results: {"seconds": results})
    return record


def _described(key: Key) -> dict[str, Any]:
    name, stream, cores = key
    return {"engine": name, "contender": ENGINES[name].title, "stream": stream, "cores": cores}


def _reference(stream: str, folder: Path) -> NDArray[np.float32]:
    """Write a stream's texts, and have torch answer first.

    Raises:
        PeerError: it cannot.
    """
    (folder / f"{stream}.json").write_text(json.dumps(STREAMS[stream]()), encoding="utf-8")
    out = folder / f"{stream}.npy"
    texts = str(folder / f"{stream}.json")
    do(REFERENCE, usable_cores(), "throughput", texts=texts, out=str(out), seconds=0.1)
    vectors: NDArray[np.float32] = np.load(out)
    return vectors


def _passes(key: Key, folder: Path, reference: NDArray[np.float32]) -> list[float]:
    """Seconds of each pass over the stream."""
    name, stream, cores = key
    texts, out = str(folder / f"{stream}.json"), str(folder / "vectors.npy")
    found = do(name, cores, "throughput", texts=texts, out=out, seconds=SECONDS)
    require_right(name, np.load(out), reference)
    seconds: list[float] = found["seconds"]
    return seconds


def require_right(name: str, vectors: NDArray[np.float32], reference: NDArray[np.float32]) -> None:
    """A wrong answer has no speed. Shapes: both (texts, dimensions).

    Raises:
        PeerError: they are not as many, not finite, or too far from the reference.
    """
    if vectors.shape != reference.shape or not np.isfinite(vectors).all():
        raise PeerError(f"wrong answer: {vectors.shape}, expected {reference.shape}, finite")
    cosine = float((vectors * reference).sum(axis=1).mean())
    if not cosine >= ENGINES[name].floor:
        raise PeerError(f"wrong answer: cosine {cosine:.4f}, floor {ENGINES[name].floor}")
