"""The quality-cost frontier of assignments, and bisection along it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

State = tuple[int, ...]
"""For each layer, the index of its scheme."""


@dataclass(frozen=True, kw_only=True)
class SearchLayer:
    """A layer or table with several schemes, the cheapest first.

    Attributes:
        costs: of each scheme, ascending.
        losses: of quality by each scheme, all other layers being exact.
    """

    costs: tuple[float, ...]
    losses: tuple[float, ...]


def convex_frontier(layers: Sequence[SearchLayer]) -> list[State]:
    """Assignments from the cheapest to the most exact: the convex hull of the Pareto frontier.

    Each step has the largest reduction of loss for its cost. Losses are assumed to add up. The
    assignments are the solutions of the knapsack problem's Lagrangian relaxation (Everett 1963) for
    every multiplier.
    """
    steps = [
        (saved / cost, number, to)
        for number, layer in enumerate(layers)
        for saved, cost, to in _hull(layer)
    ]
    state = [0] * len(layers)
    states = [tuple(state)]
    for _, number, to in sorted(steps, key=lambda step: (-step[0], step[1], step[2])):
        state[number] = to
        states.append(tuple(state))
    return states


def _hull(layer: SearchLayer) -> list[tuple[float, float, int]]:
    """Steps along the lower convex hull of (cost, loss): reduction of loss, cost, next index."""
    steps: list[tuple[float, float, int]] = []
    at = 0
    while True:
        ahead = [
            (layer.losses[at] - layer.losses[to], layer.costs[to] - layer.costs[at], to)
            for to in range(at + 1, len(layer.costs))
        ]
        better = [step for step in ahead if step[0] > 0 or step[2] == len(layer.costs) - 1]
        if not better:
            return steps
        best = max(better, key=lambda step: (step[0] / step[1], step[2]))
        steps.append(best)
        at = best[2]


def first_that_passes(count: int, passes: Callable[[int], bool]) -> int | None:
    """The smallest number below `count` that passes, by bisection; None if the last one fails.

    Assumes that every number after one that passes does, too. The returned number was tested.
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
