"""Texts in, vectors out: how many a second, on queries, documents and both as they come."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines import ENGINES, do
from benchmarks.pairing import Outcome, PeerError, in_turn
from benchmarks.records import Record, new_record, rows_of
from benchmarks.texts import mixed_texts, package_descriptions, rated_sentences
from edgebert_runtime.engine.threads import usable_cores

CASE: Final = "throughput"
COMMAND: Final = "python -m benchmarks throughput"
SECONDS: Final = 1.0
"""An engine passes over a stream until it has taken so long."""

REFERENCE: Final = "sentence_transformers"
"""Whose vectors all others are compared with."""

STREAMS: Final[Mapping[str, Callable[[], list[str]]]] = MappingProxyType(
    {
        "mixed": lambda: mixed_texts(320),
        "queries": lambda: rated_sentences(600),
        "documents": lambda: package_descriptions(160),
    }
)
"""Three short texts for every two long ones, as they come; short ones; long ones.

An engine passes over them in this order in one process: only the first finds it unprepared.
"""

ON_FEWER_CORES: Final = ("mixed",)

Key = tuple[str, int]
"""An engine's name and a number of cores."""

Passes = dict[str, list[float]]
"""Stream → seconds of each pass."""


def measure(
    *,
    rounds: int,
    only: Sequence[str] = (),
    streams: Sequence[str] = tuple(STREAMS),
    cores: Sequence[int] = (),
) -> Record:
    """Time engines in turn; with less than all cores on the mixed stream only.

    Raises:
        PeerError: the reference has no answers.
    """
    record = new_record(CASE, "", COMMAND, rounds)
    texts = {stream: STREAMS[stream]() for stream in streams}
    counts = cores or sorted({1, usable_cores()})
    keys = [(name, count) for count in counts for name in ENGINES if not only or name in only]
    with TemporaryDirectory() as scratch:
        run = Run(Path(scratch), texts)
        found = in_turn({key: partial(run.passes, *key) for key in keys}, rounds)
    record["streams"] = {stream: len(each) for stream, each in texts.items()}
    for stream in streams:
        outcomes = {
            key: _of(stream, outcome)
            for key, outcome in found.items()
            if stream in _on(key[1], streams)
        }
        described = partial(_described, stream)
        record["rows"] += rows_of(outcomes, described, lambda results: {"seconds": results})
    return record


def _on(cores: int, streams: Iterable[str]) -> list[str]:
    """Those of the streams that so many cores are measured on."""
    few = cores < usable_cores()
    return [stream for stream in streams if not few or stream in ON_FEWER_CORES]


def _of(stream: str, outcome: Outcome[Passes]) -> Outcome[list[float]]:
    results = [passes[stream] for passes in outcome.results]
    return Outcome(results=results, failure=outcome.failure)


def _described(stream: str, key: Key) -> dict[str, Any]:
    name, cores = key
    return {"engine": name, "system": ENGINES[name].title, "stream": stream, "cores": cores}


class Run:
    """Streams as everybody gets them, and torch's vectors of them.

    Args:
        folder: for files.
        texts: by stream.

    Raises:
        PeerError: torch does not answer.
    """

    def __init__(self, folder: Path, texts: Mapping[str, list[str]]) -> None:
        self._folder, self._files = folder, {name: folder / f"{name}.json" for name in texts}
        for name, path in self._files.items():
            path.write_text(json.dumps(texts[name]), encoding="utf-8")
        self._do(REFERENCE, usable_cores(), list(texts), 0.0)
        self._references = {stream: np.load(folder / f"{stream}.npy") for stream in texts}

    def passes(self, name: str, cores: int) -> Passes:
        """Of an engine over every stream that is for so many cores.

        Raises:
            PeerError: it failed, or answered wrongly.
        """
        streams = _on(cores, self._files)
        found = self._do(name, cores, streams, SECONDS)
        for stream in streams:
            require_right(name, np.load(self._folder / f"{stream}.npy"), self._references[stream])
        return found

    def _do(self, name: str, cores: int, streams: Sequence[str], seconds: float) -> Passes:
        files = {stream: str(self._files[stream]) for stream in streams}
        out = str(self._folder)
        return do(name, cores, "throughput", streams=files, out=out, seconds=seconds)


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
