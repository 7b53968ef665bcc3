"""Find the cheapest assignment of schemes that is good enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

State = tuple[int, ...]
"""For each unit, which of its schemes."""


@dataclass(frozen=True, kw_only=True)
class SearchLayer:
    """Something that can be stored in several ways, the cheapest first.

    Attributes:
        costs: of each way, rising.
        losses: of quality by each way alone, all else being exact.
    """

    costs: tuple[float, ...]
    losses: tuple[float, ...]


def chain(units: Sequence[SearchLayer]) -> list[State]:
    """Assignments from the cheapest to the most exact; each step takes off most loss for its cost.

    Losses are taken to add up, costs do. So these are the assignments no other of which is both
    cheaper and better, but for those between two of them: the solutions of the knapsack's
    Lagrangian relaxation (Everett 1963), for every multiplier.
    """
    steps = [
        (saved / cost, number, to)
        for number, unit in enumerate(units)
        for saved, cost, to in _hull(unit)
    ]
    state = [0] * len(units)
    states = [tuple(state)]
    for _, number, to in sorted(steps, key=lambda step: (-step[0], step[1], step[2])):
        state[number] = to
        states.append(tuple(state))
    return states


def _hull(unit: SearchLayer) -> list[tuple[float, float, int]]:
    """Steps along the lower convex hull of (cost, loss): what each saves, costs, and leads to."""
    steps: list[tuple[float, float, int]] = []
    at = 0
    while True:
        ahead = [
            (unit.losses[at] - unit.losses[to], unit.costs[to] - unit.costs[at], to)
            for to in range(at + 1, len(unit.costs))
        ]
        better = [step for step in ahead if step[0] > 0 or step[2] == len(unit.costs) - 1]
        if not better:
            return steps
        best = max(better, key=lambda step: (step[0] / step[1], step[2]))
        steps.append(best)
        at = best[2]


def first_that_passes(count: int, passes: Callable[[int], bool]) -> int | None:
    """The smallest of `count` numbers that passes, if all after one that passes do; by halving.

    None if the last fails. What it returns has been tried and has passed.
    """
    if passes(0):
        return 0
    if count == 1 or not passes(count - 1):
        return None
    failed, passed = 0, count - 1
    while passed - failed > 1:
        middle = (failed + passed) // 2
        if passes(middle):
            passed = middle
        else:
            failed = middle
    return passed
