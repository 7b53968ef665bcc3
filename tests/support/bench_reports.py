"""Reports and timings made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from edgebert_runtime import BenchReport
from edgebert_runtime.benchmarking.budget import within
from edgebert_runtime.benchmarking.results import (
    Choice,
    PairwiseWin,
    Round,
    Setting,
    Start,
    Timing,
    TunedSettings,
)

SLOW: Final = 1.5
"""How much longer than the median 95 % of the runs take."""


def timing(
    variant: str, threads: int, batch: int, sequence: int, medians_ms: Sequence[float]
) -> Timing:
    rounds = [
        Round(median_ms=each, p95_ms=SLOW * each, samples=10, yardstick_ms=1.0)
        for each in medians_ms
    ]
    return Timing(
        variant=variant,
        threads=threads,
        batch=batch,
        sequence=sequence,
        rounds=tuple(rounds),
        peak_memory_bytes=100 * 2**20,
    )


def start(variant: str, size_bytes: int, *, warm: bool, ms: float) -> Start:
    rounds_ms, yardsticks_ms = (ms,) * 5, (1.0,) * 5
    return Start(
        variant=variant,
        size_bytes=size_bytes,
        warm=warm,
        rounds_ms=rounds_ms,
        yardsticks_ms=yardsticks_ms,
    )


def setting(variant: str, threads: int) -> Setting:
    return Setting(variant=variant, threads=threads)


ONE, TWO, OTHER = setting("int8", 1), setting("int8", 2), setting("cpu", 2)

REPORT: Final = BenchReport(
    bundle="my-model",
    bundle_sha256="ab" * 32,
    task="embed",
    default="cpu",
    machine={
        "edgebert-runtime": "0.1.0",
        "onnxruntime": "1.31.1",
        "tokenizers": "0.23.3",
        "numpy": "2.4.6",
        "provider": "cpu",
        "cpu": "Some CPU, x86_64",
        "flags": ["avx2"],
        "cores": 2,
        "load": 0.25,
        "governor": "performance",
    },
    rounds=5,
    seconds=0.25,
    left_out={"fp16": "needs provider 'cuda'"},
    timings=(
        timing("int8", 1, 1, 32, [2.0, 2.0, 2.0, 2.5, 3.0]),
        timing("int8", 1, 8, 32, [16.0] * 5),
        timing("int8", 2, 1, 32, [2.0] * 5),
        timing("int8", 2, 8, 32, [10.0] * 5),
        timing("cpu", 2, 1, 32, [4.0] * 5),
        timing("cpu", 2, 8, 32, [2000.0] * 5),
    ),
    starts=(
        start("int8", 2**20, warm=True, ms=300.0),
        start("cpu", 2**22, warm=False, ms=400.0),
    ),
    latency=Choice(batch=1, groups=((ONE, TWO), (OTHER,)), best=ONE, level_with=(TWO,)),
    throughput=Choice(
        batch=8, groups=((TWO, ONE, OTHER),), leads=(PairwiseWin(setting=TWO, slower=(ONE,)),)
    ),
    tuned=TunedSettings(
        variant="int8",
        threads=2,
        latency_threads=1,
        micro_batch_tokens=256,
        workers=True,
        max_padding=0.05,
    ),
)

FEW_ROUNDS: Final = replace(
    REPORT, rounds=2, latency=Choice(batch=1, groups=((ONE, TWO, OTHER),)), tuned=None
)


def with_budget(report: BenchReport, budget_ms: float) -> BenchReport:
    found = tuple(within(report.timings, budget_ms))
    return replace(report, budget_ms=budget_ms, within=found)
