"""Latency, cold start and memory of a bundle's variants on this machine.

Each variant is measured in a process of its own: two ONNX Runtime sessions in one process spoil
each other's timings, because an idle thread pool spins.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from edgebert_runtime.bundle import Bundle
from edgebert_runtime.errors import EdgebertError
from edgebert_runtime.manifest import Manifest
from edgebert_runtime.providers import ProviderOptions, choose_provider

SHAPES: Final = ((1, 32), (1, 128))
"""Batch x sequence, in tokens."""

COLD_START: Final = """
import json
import sys
from edgebert_runtime import load
model = load(sys.argv[1], **json.loads(sys.argv[2]))
getattr(model, sys.argv[3])(*json.loads(sys.argv[4]))
"""
QUESTION: Final = "How fast does this start?"
COLD_STARTS: Final = 5
WARM_UP_RUNS: Final = 3
SECONDS_PER_SHAPE: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One variant on this machine.

    Attributes:
        variant: its name.
        size_bytes: its graph with external data, on disk.
        latency_ms: "batch x sequence" → median.
        samples: "batch x sequence" → how many runs that median is of.
        cold_start_ms: process start to exit after the first answer, median of five.
        peak_memory_bytes: of the process that measured latency.
    """

    variant: str
    size_bytes: int
    latency_ms: dict[str, float]
    samples: dict[str, int]
    cold_start_ms: float
    peak_memory_bytes: int


def measure(
    bundle: Bundle,
    variant: str,
    shapes: Sequence[tuple[int, int]] = SHAPES,
    *,
    provider: str = "auto",
    provider_options: ProviderOptions | None = None,
) -> Measurement:
    """Measure one variant in processes of its own, sequences cut to what the model takes.

    Args:
        bundle: which holds it.
        variant: as `load` takes it.
        shapes: batch x sequence each.
        provider: where it runs, as `load` takes it.
        provider_options: the provider's own options.

    Raises:
        ConfigError: an unknown provider, or a variant it has no operators for.
        EdgebertError: a measuring process failed; its last line is in the text.
    """
    name = bundle.select(variant, choose_provider(provider))
    where = {"provider": provider, "provider_options": dict(provider_options or {})}
    how = json.dumps({"variant": name, **where})
    folder = str(bundle.folder)
    method, arguments = first_call(bundle.manifest)
    start = [sys.executable, "-c", COLD_START, folder, how, method, json.dumps(arguments)]
    starts = [_seconds(start) for _ in range(COLD_STARTS)]
    longest = bundle.manifest.tokenizer.max_positions
    fitting = dict.fromkeys((batch, min(sequence, longest)) for batch, sequence in shapes)
    shape_list = ",".join(f"{batch}x{sequence}" for batch, sequence in fitting)
    found: dict[str, Any] = json.loads(
        output_of([sys.executable, "-m", "edgebert_runtime.bench", folder, how, shape_list])
    )
    return Measurement(
        variant=name,
        size_bytes=bundle.size_bytes(bundle.manifest.variants[name]),
        latency_ms=found["latency_ms"],
        samples=found["samples"],
        cold_start_ms=1000 * median(starts),
        peak_memory_bytes=found["peak_memory_bytes"],
    )


def first_call(manifest: Manifest) -> tuple[str, list[Any]]:
    """A short call for the bundle's task: the model's method and its arguments."""
    masked = manifest.tokenizer.special_tokens.get("mask_token", "") + QUESTION
    calls: dict[str, tuple[str, list[Any]]] = {
        "embed": ("embed", [[QUESTION]]),
        "classify": ("classify", [[QUESTION]]),
        "tag": ("tag", [[QUESTION]]),
        "answer": ("answer", [QUESTION, QUESTION]),
        "rank": ("rank", [QUESTION, [QUESTION]]),
        "fill": ("fill", [masked]),
        "next_sentence": ("score", [QUESTION, QUESTION]),
    }
    return calls[manifest.task]


def time_shapes(
    folder: str, how: dict[str, Any], shapes: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """Time each shape in this process; token ids are random, which dense speed does not see.

    Args:
        folder: the bundle.
        how: arguments of `load`.
        shapes: batch x sequence each.
    """
    from edgebert_runtime.loading import load

    model = load(folder, **how)
    manifest = Bundle.open(folder).manifest
    method, arguments = first_call(manifest)
    getattr(model, method)(*arguments)
    outputs = ["sentence_embedding"] if manifest.task == "embed" else model.OUTPUTS
    vocabulary = manifest.architecture["vocabulary"] or 1
    random = np.random.default_rng(0)
    latency: dict[str, float] = {}
    samples: dict[str, int] = {}
    for batch, sequence in shapes:
        ids = random.integers(0, vocabulary, (batch, sequence), dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        feeds["token_type_ids"] = np.zeros_like(ids)
        wanted = {name: feeds[name] for name in model.session.inputs}
        times = time_runs(lambda wanted=wanted: model.session.run(outputs, wanted))
        latency[f"{batch}x{sequence}"] = 1000 * median(times)
        samples[f"{batch}x{sequence}"] = len(times)
    return {"latency_ms": latency, "samples": samples, "peak_memory_bytes": peak_memory_bytes()}


def time_runs(run: Any, seconds: float = SECONDS_PER_SHAPE) -> list[float]:
    """Seconds of each call, for about `seconds` after a warm-up."""
    for _ in range(WARM_UP_RUNS):
        run()
    times: list[float] = []
    while sum(times) < seconds:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def peak_memory_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Peak resident memory of this process; 0 where the system does not say.

    Linux's VmHWM rather than getrusage, whose ru_maxrss also counts the process that started
    this one (getrusage(2), proc_pid_status(5)).
    """
    try:
        lines = status.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _seconds(command: Sequence[str]) -> float:
    start = time.perf_counter()
    output_of(command)
    return time.perf_counter() - start


def output_of(command: Sequence[str]) -> str:
    """Standard output of a process that measures.

    Raises:
        EdgebertError: it failed; its last line is in the text.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no output"
        raise EdgebertError(f"measuring failed with exit code {done.returncode}: {reason}")
    return done.stdout


if __name__ == "__main__":
    _shapes = [tuple(int(part) for part in item.split("x")) for item in sys.argv[3].split(",")]
    _how = json.loads(sys.argv[2])
    sys.stdout.write(json.dumps(time_shapes(sys.argv[1], _how, _shapes)))  # type: ignore[arg-type]
