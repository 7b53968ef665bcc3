"""How many padded tokens a micro-batch should hold, found by trying on this machine."""

import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.schedule import micro_batches
from edgebert_runtime.session import Session
from edgebert_runtime.tasks.base import MICRO_BATCH_TOKENS

BUDGETS: Final = (256, MICRO_BATCH_TOKENS, 1024, 2048, 4096)

ROUNDS: Final = 5
SECONDS: Final = 0.3
"""About what a budget is tried for in a round."""

TYPICAL_TOKENS: Final = 32
SPREAD: Final = 0.8
"""Median and log-normal sigma of the lengths tried, as mixed texts have them."""

Feeds = Mapping[str, NDArray[np.int64]]


def best_budget(session: Session, limit: int) -> int:
    """The budget with the highest throughput on texts of mixed length.

    Another than the usual is taken only if it was faster in every round: then it is not the noise.

    Args:
        session: an open graph.
        limit: the longest text in tokens.
    """
    lengths = _lengths(session, limit)
    batches = {budget: list(_feeds(session, lengths, budget)) for budget in BUDGETS}
    times: dict[int, list[float]] = {budget: [] for budget in BUDGETS}
    for number in range(ROUNDS + 1):
        for budget in BUDGETS if number % 2 == 0 else BUDGETS[::-1]:
            seconds = _seconds(session, batches[budget])
            if number:  # the first round warms up
                times[budget].append(seconds)
    return choose(times, MICRO_BATCH_TOKENS)


def choose(times: Mapping[int, Sequence[float]], usual: int) -> int:
    """The fastest of those that beat the usual in every round, or the usual.

    Args:
        times: budget → its seconds, round by round.
        usual: one of them.
    """
    faster = [
        budget
        for budget, seconds in times.items()
        if all(one < other for one, other in zip(seconds, times[usual], strict=True))
    ]
    return min(faster, key=lambda budget: median(times[budget]), default=usual)


def _lengths(session: Session, limit: int) -> list[int]:
    """So many texts that all budgets can be filled and a round takes about `SECONDS`."""
    few = list(_feeds(session, [TYPICAL_TOKENS] * 16, MICRO_BATCH_TOKENS))
    _seconds(session, few)
    tokens = MICRO_BATCH_TOKENS * SECONDS / _seconds(session, few)
    count = int(max(tokens, 2 * max(BUDGETS)) / TYPICAL_TOKENS)
    random = np.random.default_rng(0)
    drawn = random.lognormal(np.log(TYPICAL_TOKENS), SPREAD, count)
    return [int(length) for length in np.clip(drawn, min(3, limit), limit)]


def _feeds(session: Session, lengths: Sequence[int], budget: int) -> Iterator[Feeds]:
    for indices in micro_batches(lengths, budget):
        mask = np.zeros((len(indices), lengths[indices[0]]), np.int64)
        for row, index in enumerate(indices):
            mask[row, : lengths[index]] = 1
        yield {name: mask if name == "attention_mask" else mask * 0 for name in session.inputs}


def _seconds(session: Session, batches: Sequence[Feeds]) -> float:
    start = time.perf_counter()
    for feeds in batches:
        session.run(session.outputs[-1:], feeds)
    return time.perf_counter() - start
