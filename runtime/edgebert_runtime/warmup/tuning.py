"""Find the fastest size of micro-batches, and whether they run in parallel."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Final

import numpy as np

from edgebert_runtime.engine.session import Session
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.inference.batching import micro_batches
from edgebert_runtime.inference.execution_plan import MAX_PADDING, MICRO_BATCH_TOKENS
from edgebert_runtime.inference.feeds import make_feeds
from edgebert_runtime.inference.thread_pool import run_side_by_side
from edgebert_runtime.loading.graph_cache import Tuning
from edgebert_runtime.measurement.rounds import measure_in_rounds
from edgebert_runtime.measurement.sign_test import is_faster_in_every_round

BUDGETS: Final = (256, MICRO_BATCH_TOKENS, 1024, 2048, 4096)

PADDINGS: Final = (0.02, MAX_PADDING, 0.10, 1.0)
"""Shares of padding that are tried; with the last, only the size ends a micro-batch."""

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

    First the size of micro-batches and the workers are chosen, then how much padding is allowed.
    Another setting than the default is chosen only if it is faster in every round: a two-sided sign
    test, false-positive rate 1/16 at five rounds.

    Args:
        session: an open graph, with all threads.
        limit: the longest text in tokens.
        seconds: about how long each setting is measured in a round; None is `SECONDS`.
    """
    lengths, alone = _lengths(session, limit, seconds), session.with_threads(1)

    def fastest(tunings: Iterable[Tuning], default: Tuning) -> Tuning:
        measures = {one: _measure(session, alone, lengths, one) for one in tunings}
        times = measure_in_rounds(measures, 1 + ROUNDS)  # the first round warms up
        return choose({one: found[1:] for one, found in times.items()}, default)

    ways = (False, True) if session.threads > 1 else (False,)
    budgets = fitting_budgets(sum(lengths), session.threads)
    sizes = [
        Tuning(budget, workers, max_padding=MAX_PADDING) for budget in budgets for workers in ways
    ]
    best = fastest(sizes, Tuning(MICRO_BATCH_TOKENS, workers=False, max_padding=MAX_PADDING))
    return fastest((best._replace(max_padding=each) for each in PADDINGS), best)


def _measure(
    session: Session, alone: Session, lengths: Sequence[int], tuning: Tuning
) -> Callable[[], float]:
    """Runs the texts by a setting, and returns seconds; `alone` has one thread."""
    padding = MAX_PADDING if tuning.max_padding is None else tuning.max_padding
    feeds = list(_feeds(session, lengths, tuning.micro_batch_tokens, padding))
    if tuning.workers:
        return partial(_seconds, alone, feeds, session.threads)
    return partial(_seconds, session, feeds)


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


def _feeds(
    session: Session, lengths: Sequence[int], budget: int, max_padding: float = 1.0
) -> Iterator[Feeds]:
    for indices in micro_batches(lengths, budget, max_padding):
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
