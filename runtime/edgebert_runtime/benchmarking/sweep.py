"""Time every variant with every number of threads, and every start, each in its own process."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from edgebert_runtime.benchmarking.cold_start import cold_start_ms
from edgebert_runtime.benchmarking.options import Plan
from edgebert_runtime.benchmarking.results import Round, Setting, Start, Timing
from edgebert_runtime.benchmarking.worker import time_in_a_process
from edgebert_runtime.errors import EdgebertError
from edgebert_runtime.measurement.rounds import alternating_rounds
from edgebert_runtime.measurement.yardstick import yardstick


@dataclass(frozen=True, kw_only=True)
class Job:
    """One process: the shapes of a setting or, if `threads` is None, a cold start."""

    variant: str
    threads: int | None


Track = Callable[[Sequence[Job]], Iterable[Job]]
"""Iterates over the jobs, and may show progress."""


def sweep(plan: Plan, track: Track = iter) -> tuple[list[Timing], list[Start]]:
    """Measure all jobs of a plan.

    Args:
        plan: to measure.
        track: iterates over the jobs and shows progress.

    Raises:
        EdgebertError: a measuring process failed; the text names the job and has its last line.
    """
    found: dict[Job, list[Any]] = defaultdict(list)
    for job in track(jobs(plan)):
        found[job].append(run_job(plan, job))
    warm = {job.variant: results[0]["warm"] for job, results in found.items() if job.threads}
    timings = [
        timing
        for job, results in found.items()
        if job.threads is not None
        for timing in _timings(plan, Setting(variant=job.variant, threads=job.threads), results)
    ]
    starts = [
        _start(plan, job.variant, results, warm=warm[job.variant])
        for job, results in found.items()
        if job.threads is None
    ]
    return timings, starts


def jobs(plan: Plan) -> list[Job]:
    """All processes in alternating order, each once a round."""
    once = [
        Job(variant=variant, threads=threads)
        for variant in plan.variants
        for threads in (*plan.threads, None)
    ]
    return [job for order in alternating_rounds(once, plan.rounds) for job in order]


def run_job(plan: Plan, job: Job) -> Any:
    """What one process measures.

    Returns:
        Of a setting what `time_in_a_process` gives; of a start its time and that of the yardstick
        beside it, in ms.

    Raises:
        EdgebertError: the process failed; the text names the job and has its last line.
    """
    how = plan.how(job.variant, job.threads)
    try:
        if job.threads is None:
            return _start_beside_yardstick(plan, how)
        return time_in_a_process(plan.folder, how, plan.shapes, plan.seconds)
    except EdgebertError as error:
        threads = f"{job.threads} thread{'' if job.threads == 1 else 's'}"
        doing = "its start" if job.threads is None else threads
        raise EdgebertError(f"variant {job.variant!r}, {doing}: {error}") from error


def _start_beside_yardstick(plan: Plan, how: Mapping[str, Any]) -> tuple[float, float]:
    """The time of a start, and that of a yardstick: one thread, as most of a start has."""
    with yardstick(1) as beside:
        before = beside.time_ms()
        start_ms = cold_start_ms(plan.folder, plan.bundle.manifest, how)
        return start_ms, (before + beside.time_ms()) / 2


def _timings(plan: Plan, setting: Setting, results: Sequence[Any]) -> list[Timing]:
    return [
        Timing(
            variant=setting.variant,
            threads=setting.threads,
            batch=batch,
            sequence=sequence,
            rounds=tuple(_round(result["shapes"][number]) for result in results),
            peak_memory_bytes=max(
                result["shapes"][number]["peak_memory_bytes"] for result in results
            ),
        )
        for number, (batch, sequence) in enumerate(plan.shapes)
    ]


def _round(found: dict[str, Any]) -> Round:
    return Round(**{field.name: found[field.name] for field in fields(Round)})


def _start(
    plan: Plan, variant: str, results: Sequence[tuple[float, float]], *, warm: bool
) -> Start:
    rounds_ms, yardsticks_ms = zip(*results, strict=True)
    return Start(
        variant=variant,
        size_bytes=plan.bundle.size_bytes(plan.bundle.manifest.variants[variant]),
        warm=warm,
        rounds_ms=rounds_ms,
        yardsticks_ms=yardsticks_ms,
    )
