"""Texts in, vectors out, by one engine in its own process and environment.

Usage: texts_to_vectors.py ENGINE MODEL. Jobs come as `forking.serve` has them, with an `action`:

    throughput  "streams": {name: file},         answers the seconds of each pass over a stream and
                "out": folder, "seconds": 1.5    writes its vectors under its name, one by one
    load        "texts": file, "clients": 4,     answers the microseconds of each answer while so
                "requests": 1000                 many clients ask, one text at a time
    stream      "texts": file, "count": 100000   answers seconds and peak memory for so many texts
                                                 that come one by one
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.peers.engines import ENGINES
from benchmarks.peers.forking import serve
from benchmarks.peers.memory import memory_kib

Encode = Callable[[list[str]], Any]

WARM_UP: Final = 64
"""Texts that are run before the clock starts."""


def throughput(encode: Encode, job: dict[str, Any]) -> dict[str, Any]:
    """All texts of a stream, again and again; the first time they are new to the engine."""
    found: dict[str, list[float]] = {}
    for name, path in job["streams"].items():
        texts, passes = read(path), found.setdefault(name, [])
        encode(texts[:WARM_UP])
        while not passes or sum(passes) < job["seconds"]:
            begun = time.perf_counter()
            vectors = encode(texts)
            passes.append(time.perf_counter() - begun)
        np.save(Path(job["out"]) / f"{name}.npy", np.asarray(vectors, np.float32))
    return found


def load(encode: Encode, job: dict[str, Any]) -> dict[str, Any]:
    """Clients that ask again as soon as they have their answer."""
    texts = read(job["texts"])
    encode(texts[:WARM_UP])

    def ask(text: str) -> int:
        begun = time.perf_counter_ns()
        encode([text])
        return (time.perf_counter_ns() - begun) // 1000

    with ThreadPoolExecutor(job["clients"]) as clients:
        begun = time.perf_counter()
        samples = list(clients.map(ask, islice(cycle(texts), job["requests"])))
    return {"samples_us": samples, "seconds": time.perf_counter() - begun}


def stream(encode: Encode, job: dict[str, Any]) -> dict[str, Any]:
    """Texts that come one by one; ours takes and gives an iterator, others a list."""
    texts = read(job["texts"])
    encode(texts[:WARM_UP])
    resting, begun = memory_kib("VmRSS"), time.perf_counter()
    count = 0
    for _ in answers(encode, islice(cycle(texts), job["count"]), streams=job["streams"]):
        count += 1
    assert count == job["count"]
    return {
        "seconds": time.perf_counter() - begun,
        "resting_kib": resting,
        "peak_kib": memory_kib("VmHWM"),
    }


def answers(encode: Any, texts: Iterator[str], *, streams: bool) -> Iterator[Any]:
    """Vectors one by one."""
    yield from encode(texts) if streams else encode(list(texts))


def read(path: str) -> list[str]:
    """The texts of a file."""
    texts: list[str] = json.loads(Path(path).read_text(encoding="utf-8"))
    return texts


ACTIONS: Final[dict[str, Callable[[Encode, dict[str, Any]], dict[str, Any]]]] = {
    "throughput": throughput,
    "load": load,
    "stream": stream,
}


def main(name: str, model: str) -> None:
    """Import what the engine needs, and do jobs, each with an engine of its own."""
    engine = ENGINES[name](model)
    next(engine)

    def act(job: dict[str, Any]) -> dict[str, Any]:
        encode = next(engine)
        assert encode is not None
        return ACTIONS[job["action"]](encode, job)

    serve(act)


if __name__ == "__main__":
    main(*sys.argv[1:])
