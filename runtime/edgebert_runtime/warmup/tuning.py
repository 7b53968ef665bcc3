"""Find the fastest size of micro-batches, and whether they run in parallel."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Final

import numpy as np

from edgebert_runtime.engine.session import Session
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.inference.batching import micro_batches
from edgebert_runtime.inference.execution_plan import MICRO_BATCH_TOKENS
from edgebert_runtime.inference.feeds import make_feeds
from edgebert_runtime.inference.thread_pool import run_side_by_side
from edgebert_runtime.loading.graph_cache import Tuning
from edgebert_runtime.measurement.rounds import measure_in_rounds
from edgebert_runtime.measurement.sign_test import is_faster_in_every_round

BUDGETS: Final = (256, MICRO_BATCH_TOKENS, 1024, 2048, 4096)

FILLED: Final = 2
"""Least micro-batches per thread to measure a budget; slow models are measured with fewer texts."""

ROUNDS: Final = 5
SECONDS: Final = 0.3
"""About how long a setting is measured in a round."""

TYPICAL_TOKENS: Final = 32
SPREAD: Final = 0.8
"""Median and sigma of the log-normal lengths of the texts, as in mixed corpora."""


def best_tuning(session: Session, limit: int, seconds: float | None = None) -> Tuning:
    """The setting with the highest throughput on texts of mixed length.

    Another setting than the default is chosen only if it is faster in every round: a two-sided sign
    test, false-positive rate 1/16 at five rounds.

    Args:
        session: an open graph, with all threads.
        limit: the longest text in tokens.
        seconds: about how long each setting is measured in a round; None is `SECONDS`.
    """
    lengths, alone = _lengths(session, limit, seconds), session.with_threads(1)
    budgets = fitting_budgets(sum(lengths), session.threads)
    batches = {budget: list(_feeds(session, lengths, budget)) for budget in budgets}
    measures = {}
    for budget in budgets:
        measures[Tuning(budget, workers=False)] = partial(_seconds, session, batches[budget])
        if session.threads > 1:
            parallel = partial(_seconds, alone, batches[budget], session.threads)
            measures[Tuning(budget, workers=True)] = parallel
    times = measure_in_rounds(measures, 1 + ROUNDS)  # the first round warms up
    measured = {tuning: seconds[1:] for tuning, seconds in times.items()}
    return choose(measured, Tuning(MICRO_BATCH_TOKENS, workers=False))


def choose(times: Mapping[Tuning, Sequence[float]], default: Tuning) -> Tuning:
    """The fastest of the settings that are faster than the default in every round, or the default.

    Args:
        times: setting → seconds, one per round.
        default: one of the settings.
    """
    faster = [
        tuning
        for tuning, seconds in times.items()
        if is_faster_in_every_round(seconds, times[default])
    ]
    return min(faster, key=lambda tuning: median(times[tuning]), default=default)


def fitting_budgets(tokens: int, threads: int) -> list[int]:
    """The budgets that so many tokens fill at least `FILLED` times per thread, and the default."""
    fitting = [budget for budget in BUDGETS if tokens >= FILLED * budget * threads]
    return sorted({*fitting, *BUDGETS[:2]})


def _lengths(session: Session, limit: int, seconds: float | None) -> list[int]:
    """Lengths of texts that take about `seconds` a round, or longer to fill the default budget."""
    few = list(_feeds(session, [TYPICAL_TOKENS] * 16, MICRO_BATCH_TOKENS))
    _seconds(session, few)
    tokens = MICRO_BATCH_TOKENS * (SECONDS if seconds is None else seconds) / _seconds(session, few)
    fewest = FILLED * MICRO_BATCH_TOKENS * session.threads
    count = int(max(tokens, fewest) / TYPICAL_TOKENS)
    random = np.random.default_rng(0)
    drawn = random.lognormal(np.log(TYPICAL_TOKENS), SPREAD, count)
    return [int(length) for length in np.clip(drawn, min(3, limit), limit)]


def _feeds(session: Session, lengths: Sequence[int], budget: int) -> Iterator[Feeds]:
    for indices in micro_batches(lengths, budget):
        mask = np.zeros((len(indices), lengths[indices[0]]), np.int64)
        for row, index in enumerate(indices):
            mask[row, : lengths[index]] = 1
        yield make_feeds(np.zeros_like(mask), mask, session.inputs)


def _seconds(session: Session, batches: Sequence[Feeds], workers: int = 1) -> float:
    start = time.perf_counter()

    def run(feeds: Feeds) -> None:
        session.run(session.outputs[-1:], feeds)

    run_side_by_side(batches, run, workers)
    return time.perf_counter() - start
