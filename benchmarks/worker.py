"""Time one ONNX file, after checking its answer; needs only numpy and onnxruntime.

Usage: worker.py FILE THREADS SHAPES REFERENCE FLOOR. Prints JSON: shape → nanoseconds.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

SECONDS = {True: 0.3, False: 0.8}
"""A short shape needs less time for as many samples."""

SIZE = 0.25
"""Cosine is blind to scale: norms may differ by this much of the reference's."""

Run = Callable[[dict[str, NDArray[np.int64]]], NDArray[np.float32]]
"""From inputs to `last_hidden_state`."""


def feeds_of(names: Sequence[str], batch: int, sequence: int) -> dict[str, NDArray[np.int64]]:
    random = np.random.default_rng(batch * 1000 + sequence)
    ids = random.integers(1000, 20000, (batch, sequence))
    every = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids * 0}
    return {name: every[name] for name in names}


def check(output: NDArray[np.float32], reference: NDArray[np.float32], floor: float) -> None:
    """A wrong answer has no speed: cosine of all token vectors to fp32's, and their size."""
    if not np.isfinite(output).all():
        raise SystemExit("wrong answer: not finite")
    size, wanted = np.linalg.norm(output), np.linalg.norm(reference)
    cosine = (output * reference).sum() / (size * wanted)
    if not (cosine >= floor and abs(size / wanted - 1) <= SIZE):
        raise SystemExit(
            f"wrong answer: cosine {cosine} to the reference, floor {floor}; "
            f"norm {size}, reference {wanted}"
        )


def time_shapes(
    run: Run, names: Sequence[str], shapes: str, reference: str, floor: str
) -> dict[str, list[int]]:
    """Nanoseconds of each run, by shape."""
    found = {}
    for shape in shapes.split(","):
        batch, sequence = map(int, shape.split("x"))
        feeds = feeds_of(names, batch, sequence)
        output = run(feeds)
        if reference.startswith("write:"):
            np.savez(f"{reference[6:]}-{shape}.npz", output=output)
        else:
            check(output, np.load(f"{reference}-{shape}.npz")["output"], float(floor))
        for _ in range(3):
            run(feeds)
        samples: list[int] = []
        end = time.perf_counter() + SECONDS[batch * sequence < 1000]
        while time.perf_counter() < end or len(samples) < 5:
            start = time.perf_counter_ns()
            run(feeds)
            samples.append(time.perf_counter_ns() - start)
        found[shape] = samples
    return found


def main(file: str, threads: str, shapes: str, reference: str, floor: str) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def run(feeds: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        output: NDArray[np.float32] = session.run(["last_hidden_state"], feeds)[0]
        return output

    names = [node.name for node in session.get_inputs()]
    print(json.dumps(time_shapes(run, names, shapes, reference, floor)))


if __name__ == "__main__":
    main(*sys.argv[1:])
