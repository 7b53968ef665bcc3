"""Choose the best settings for latency and for throughput."""

from collections.abc import Mapping, Sequence
from statistics import geometric_mean

from edgebert_runtime.benchmarking.options import Plan
from edgebert_runtime.benchmarking.ranking import FEWEST_RANKED, choose, leads, rank, unbeaten
from edgebert_runtime.benchmarking.results import (
    Choice,
    PairwiseWin,
    Setting,
    Timing,
    TunedSettings,
)
from edgebert_runtime.benchmarking.worker import tune_in_a_process

Times = Mapping[Setting, Sequence[float]]


def latency(plan: Plan, timings: Sequence[Timing]) -> Choice:
    """Settings by their time on the smallest batch, over all its sequences."""
    return _choice(plan, timings, min(timing.batch for timing in timings))


def throughput(plan: Plan, timings: Sequence[Timing]) -> Choice:
    """Settings by their time on the largest batch, over all its sequences."""
    return _choice(plan, timings, max(timing.batch for timing in timings))


def tune(plan: Plan, timings: Sequence[Timing], many: Choice) -> TunedSettings | None:
    """Measure micro-batches of the best variant for throughput, and its threads for latency.

    Args:
        plan: of the measurement.
        timings: of all variants.
        many: the choice for throughput.

    Returns:
        None if there is no best setting, or the provider is not the CPU.

    Raises:
        EdgebertError: the measuring process failed; its last line is in the text.
    """
    if many.best is None or plan.provider != "cpu":
        return None
    variant, threads = many.best.variant, max(plan.threads)
    of_variant = [timing for timing in timings if timing.variant == variant]
    one = latency(plan, of_variant).best
    if one is None:
        return None
    found = tune_in_a_process(plan.folder, plan.how(variant, threads), plan.seconds)
    return TunedSettings(
        variant=variant,
        threads=threads,
        latency_threads=one.threads,
        micro_batch_tokens=found["micro_batch_tokens"],
        workers=found["workers"],
        max_padding=found["max_padding"],
    )


def times_on(timings: Sequence[Timing], batch: int) -> dict[Setting, list[float]]:
    """Each setting's time on a batch, round by round: every sequence counts alike.

    Args:
        timings: of settings that were all measured on the same shapes.
        batch: one that was measured.

    Returns:
        Setting → geometric mean over its sequences of each round's medians, ms.
    """
    rounds: dict[Setting, list[list[float]]] = {}
    for timing in timings:
        if timing.batch == batch:
            rounds.setdefault(timing.setting, []).append(timing.medians_ms)
    return {
        setting: [geometric_mean(round_) for round_ in zip(*medians, strict=True)]
        for setting, medians in rounds.items()
    }


def _choice(plan: Plan, timings: Sequence[Timing], batch: int) -> Choice:
    times = times_on(timings, batch)
    groups = tuple(map(tuple, rank(times)))
    if plan.rounds < FEWEST_RANKED:
        return Choice(batch=batch, groups=groups)
    best = choose(times, lambda setting: _cost(plan, setting))
    return Choice(
        batch=batch,
        groups=groups,
        leads=tuple(
            PairwiseWin(setting=setting, slower=tuple(slower))
            for group in groups
            for setting, slower in leads(times, group).items()
        ),
        best=best,
        level_with=tuple(setting for setting in unbeaten(times) if setting != best),
    )


def _cost(plan: Plan, setting: Setting) -> tuple[int, bool, int]:
    """Fewest threads first, then the default variant, then the smallest file."""
    variant = plan.bundle.manifest.variants[setting.variant]
    other = setting.variant != plan.default
    return setting.threads, other, plan.bundle.size_bytes(variant)
