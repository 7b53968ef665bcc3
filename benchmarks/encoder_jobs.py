"""What the script of every encoder does with a job; needs only numpy.

A script says how its engine is opened, `serve` does the rest. A job is a line of standard input:

    {"action": "time", "model": …, "options": {…}, "threads": 2, "shapes": ["1x8", …],
     "vocabulary": 30522, "reference": "folder/name", "floor": 0.99, "seconds": 0.3}
    {"action": "vectors", "model": …, "options": {…}, "threads": 2,
     "feeds": {name: "in.npz", …}, "out": folder}

A job to time answers `{"samples_us": {shape: […]}, "cosines": {shape: …}}`; one for vectors writes
arrays of them into the folder, each of the name of its inputs, mean-pooled and of length 1.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import forking

SIZE: Final = 0.25
"""Cosine is blind to scale: norms may differ by this much of the reference's."""

SPECIAL_SHARE: Final = 20
"""One in so many tokens, the first of a vocabulary, is special or unused, and not drawn."""

SHORTEST: Final = 4
"""Tokens of the shortest text in a batch of all lengths."""

Feeds = Mapping[str, NDArray[np.int64]]
"""`input_ids`, `attention_mask` and `token_type_ids`, each (batch, sequence)."""

Run = Callable[[Feeds], NDArray[np.float32]]
"""From inputs to `last_hidden_state`."""

Open = Callable[[str, dict[str, str], int], Run]
"""From a model, options and a number of threads to what runs it."""


def serve(open_model: Open) -> None:
    """Do jobs, each with a model of its own."""

    def act(job: dict[str, Any]) -> dict[str, Any]:
        run = open_model(job["model"], job["options"], job["threads"])
        return ACTIONS[job["action"]](run, job)

    forking.serve(act)


def random_feeds(shape: str, vocabulary: int) -> dict[str, NDArray[np.int64]]:
    """Random tokens, the same for every system; shape is "batch x sequence".

    Behind a ~, as in "64x~128", texts have all lengths up to that, as many short as long ones on
    a logarithmic scale, and are padded to it.
    """
    batch, sequence = map(int, shape.replace("~", "").split("x"))
    random = np.random.default_rng(batch * 1000 + sequence)
    ids = random.integers(vocabulary // SPECIAL_SHARE, vocabulary, (batch, sequence))
    mask = np.ones_like(ids)
    if "~" in shape:
        lengths = np.exp(random.uniform(np.log(SHORTEST), np.log(sequence), batch)).astype(int)
        lengths[0] = sequence
        mask = (np.arange(sequence) < lengths[:, np.newaxis]).astype(np.int64)
    return {"input_ids": ids * mask, "attention_mask": mask, "token_type_ids": ids * 0}


def cosine_of(output: NDArray[np.float32], reference: NDArray[np.float32], floor: float) -> float:
    """A wrong answer has no speed: cosine of all token vectors to torch's, and their size.

    Raises:
        SystemExit: it is not finite, too far in direction, or of another size.
    """
    if not np.isfinite(output).all():
        raise SystemExit("wrong answer: not finite")
    size, wanted = np.linalg.norm(output), np.linalg.norm(reference)
    cosine = float((output * reference).sum() / (size * wanted))
    if not (cosine >= floor and abs(size / wanted - 1) <= SIZE):
        raise SystemExit(
            f"wrong answer: cosine {cosine:.4f} to the reference, floor {floor}; "
            f"norm {size}, reference {wanted}"
        )
    return cosine


def write_reference(run: Run, job: dict[str, Any]) -> dict[str, Any]:
    """Keep what others are compared with."""
    for shape in job["shapes"]:
        np.save(f"{job['reference']}-{shape}.npy", run(random_feeds(shape, job["vocabulary"])))
    return {}


def time_shapes(run: Run, job: dict[str, Any]) -> dict[str, Any]:
    """Microseconds of each run, by shape, once the answer was found to be right."""
    samples: dict[str, list[int]] = {}
    cosines: dict[str, float] = {}
    for shape in job["shapes"]:
        feeds = random_feeds(shape, job["vocabulary"])
        reference = np.load(f"{job['reference']}-{shape}.npy")
        cosines[shape] = cosine_of(run(feeds), reference, job["floor"])
        samples[shape] = time_runs(run, feeds, job["seconds"])
    return {"samples_us": samples, "cosines": cosines}


def time_runs(run: Run, feeds: Feeds, seconds: float) -> list[int]:
    """Microseconds of each run, for so many seconds, at least one; `run` is to be warm."""
    found: list[int] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not found:
        start = time.perf_counter_ns()
        run(feeds)
        found.append((time.perf_counter_ns() - start) // 1000)
    return found


def write_vectors(run: Run, job: dict[str, Any]) -> dict[str, Any]:
    """Vectors of inputs in the order given."""
    for name, path in job["feeds"].items():
        found = [mean_pooled(run(feeds), feeds) for feeds in read_feeds(Path(path))]
        np.save(Path(job["out"]) / f"{name}.npy", np.concatenate(found))
    return {}


def mean_pooled(hidden: NDArray[np.float32], feeds: Feeds) -> NDArray[np.float32]:
    """The mean of the tokens that the mask keeps, of length 1.

    Pooled here, the same for every system: not every graph pools.
    """
    kept = feeds["attention_mask"][:, :, np.newaxis].astype(np.float32)
    pooled = (hidden * kept).sum(axis=1) / kept.sum(axis=1)
    vectors: NDArray[np.float32] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return vectors


def write_feeds(path: Path, every: list[Feeds]) -> None:
    """One array for each input of each batch, named `number.input`."""
    arrays: dict[str, Any] = {
        f"{number}.{name}": array
        for number, feeds in enumerate(every)
        for name, array in feeds.items()
    }
    np.savez(path, **arrays)


def read_feeds(path: Path) -> list[Feeds]:
    """What `write_feeds` wrote."""
    found: list[dict[str, NDArray[np.int64]]] = []
    with np.load(path) as arrays:
        for key in arrays.files:
            number, name = key.split(".")
            while len(found) <= int(number):
                found.append({})
            found[int(number)][name] = arrays[key]
    return list(found)


ACTIONS: Final[dict[str, Callable[[Run, dict[str, Any]], dict[str, Any]]]] = {
    "reference": write_reference,
    "time": time_shapes,
    "vectors": write_vectors,
}
