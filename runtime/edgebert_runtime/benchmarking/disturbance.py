"""Measurements that another program slowed, as the yardstick beside each of them tells."""

from collections import defaultdict
from typing import Final, NamedTuple

from edgebert_runtime.benchmarking.results import BenchResults

DISTURBED: Final = 1.25
"""A round does not count if its yardstick took this many times as long as the fastest."""


class Disturbance(NamedTuple):
    """How many rounds of all shapes and starts were disturbed, and how many there are."""

    disturbed: int
    rounds: int


def disturbance(report: BenchResults) -> Disturbance:
    """Compare each yardstick with the fastest on as many threads; a start has one thread."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for timing in report.timings:
        found[timing.threads] += [each.yardstick_ms for each in timing.rounds]
    for start in report.starts:
        found[1] += start.yardsticks_ms
    slow = [each for same in found.values() for each in same if each > DISTURBED * min(same)]
    return Disturbance(len(slow), sum(map(len, found.values())))
