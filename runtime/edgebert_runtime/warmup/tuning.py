"""How large micro-batches should be and whether they go side by side, found by trying."""

import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.engine.session import Session
from edgebert_runtime.inference.batching import micro_batches
from edgebert_runtime.inference.execution_plan import MICRO_BATCH_TOKENS
from edgebert_runtime.inference.thread_pool import run_side_by_side
from edgebert_runtime.loading.graph_cache import Tuning

BUDGETS: Final = (256, MICRO_BATCH_TOKENS, 1024, 2048, 4096)

FILLED: Final = 2
"""Micro-batches a thread that are needed to judge a budget: a slow model is tried with fewer."""

ROUNDS: Final = 5
SECONDS: Final = 0.3
"""About what a way is tried for in a round."""

TYPICAL_TOKENS: Final = 32
SPREAD: Final = 0.8
"""Median and log-normal sigma of the lengths tried, as mixed texts have them."""

Feeds = Mapping[str, NDArray[np.int64]]


def best_tuning(session: Session, limit: int, seconds: float | None = None) -> Tuning:
    """What has the highest throughput on texts of mixed length.

    Another than the usual is taken only if it was faster in every round: then it is not the noise.

    Args:
        session: an open graph, with all threads.
        limit: the longest text in tokens.
        seconds: about what each way is tried for in a round; None is `SECONDS`.
    """
    lengths, alone = _lengths(session, limit, seconds), session.with_threads(1)
    budgets = _budgets(sum(lengths), session.threads)
    batches = {budget: list(_feeds(session, lengths, budget)) for budget in budgets}
    ways = (False, True) if session.threads > 1 else (False,)
    tried = [Tuning(budget, workers) for budget in budgets for workers in ways]
    times: dict[Tuning, list[float]] = {tuning: [] for tuning in tried}
    for number in range(ROUNDS + 1):
        for tuning in tried if number % 2 == 0 else tried[::-1]:
            workers = session.threads if tuning.workers else 1
            used = alone if tuning.workers else session
            taken = _seconds(used, batches[tuning.micro_batch_tokens], workers)
            if number:  # the first round warms up
                times[tuning].append(taken)
    return choose(times, Tuning(MICRO_BATCH_TOKENS, workers=False))


def choose(times: Mapping[Tuning, Sequence[float]], usual: Tuning) -> Tuning:
    """The fastest of those that beat the usual in every round, or the usual.

    Args:
        times: what was tried → its seconds, round by round.
        usual: one of them.
    """
    faster = [
        tuning
        for tuning, seconds in times.items()
        if all(one < other for one, other in zip(seconds, times[usual], strict=True))
    ]
    return min(faster, key=lambda tuning: median(times[tuning]), default=usual)


def _budgets(tokens: int, threads: int) -> list[int]:
    """Those that so many tokens fill often enough for every thread to have something to do."""
    fitting = [budget for budget in BUDGETS if tokens >= FILLED * budget * threads]
    return sorted({*fitting, *BUDGETS[:2]})


def _lengths(session: Session, limit: int, seconds: float | None) -> list[int]:
    """So many texts that a round takes about that long, or longer if the usual needs more."""
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
        yield {name: mask if name == "attention_mask" else mask * 0 for name in session.inputs}


def _seconds(session: Session, batches: Sequence[Feeds], workers: int = 1) -> float:
    start = time.perf_counter()

    def run(feeds: Feeds) -> None:
        session.run(session.outputs[-1:], feeds)

    run_side_by_side(batches, run, workers)
    return time.perf_counter() - start
