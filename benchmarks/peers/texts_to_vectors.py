"""Texts in, vectors out, by one engine in its own process and environment.

Usage: texts_to_vectors.py JOB. The job is JSON; all have `engine`, `model` and `action`:

    throughput  "texts": file, "out": file,      prints the seconds of each pass over all texts
                "seconds": 1.5
    load        "texts": file, "clients": 4,     prints the microseconds of each answer while so
                "requests": 1000                 many clients ask, one text at a time
    stream      "texts": file, "count": 100000   prints seconds and peak memory for so many texts
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

Encode = Callable[[list[str]], Any]

WARM_UP: Final = 64
"""Texts that are run before the clock starts."""


def memory_kib(name: str) -> int:
    """Of this process, as Linux names it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def opened(job: dict[str, Any]) -> Encode:
    """The engine, ready."""
    engine = ENGINES[job["engine"]](job["model"])
    next(engine)
    encode = next(engine)
    assert encode is not None
    return encode


def throughput(job: dict[str, Any]) -> dict[str, Any]:
    """All texts, again and again; the first time they are new to the engine."""
    encode, texts = opened(job), read(job)
    encode(texts[:WARM_UP])
    passes: list[float] = []
    while sum(passes) < job["seconds"]:
        begun = time.perf_counter()
        vectors = encode(texts)
        passes.append(time.perf_counter() - begun)
    np.save(job["out"], np.asarray(vectors, np.float32))
    return {"seconds": passes}


def load(job: dict[str, Any]) -> dict[str, Any]:
    """Clients that ask again as soon as they have their answer."""
    encode, texts = opened(job), read(job)
    encode(texts[:WARM_UP])

    def ask(text: str) -> int:
        begun = time.perf_counter_ns()
        encode([text])
        return (time.perf_counter_ns() - begun) // 1000

    with ThreadPoolExecutor(job["clients"]) as clients:
        begun = time.perf_counter()
        samples = list(clients.map(ask, islice(cycle(texts), job["requests"])))
    return {"samples_us": samples, "seconds": time.perf_counter() - begun}


def stream(job: dict[str, Any]) -> dict[str, Any]:
    """Texts that come one by one; ours takes and gives an iterator, others a list."""
    encode, texts = opened(job), read(job)
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


def read(job: dict[str, Any]) -> list[str]:
    """The texts of the job's file."""
    texts: list[str] = json.loads(Path(job["texts"]).read_text(encoding="utf-8"))
    return texts


ACTIONS: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "throughput": throughput,
    "load": load,
    "stream": stream,
}

if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(ACTIONS[asked["action"]](asked)))
