"""Which assignments are worth trying, and the cheapest of them that is good enough."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from edgebert_quantize.recipes import FLOAT, Recipe, Scheme, counted
from edgebert_quantize.search.budget import Budget
from edgebert_quantize.search.pareto import SearchLayer, chain, first_that_passes
from edgebert_quantize.search.trials import Assignment, Point, Trials

Task = TypeVar("Task")
Progress = Callable[[str], None]
Track = Callable[[Sequence[Task], str], Iterable[Task]]
"""Gives a sequence back, item by item, and shows how far it is; the text says what it is."""

COSTS: Final = {"static": 1.0, "standard": 1.0, "dynamic": 1.05, "token": 1.25, FLOAT: 4.0}
"""A weight in int8 is read and multiplied four times as fast as in float32; a range for each token
takes a quarter longer (docs/decisions/0004-int8.md). What a graph really takes is measured."""

QUARTERS: Final = 4
"""Points of the frontier that are measured whatever is searched for."""


def no_track(items: Sequence[Task], what: str) -> Iterable[Task]:
    """Show nothing."""
    del what
    return items


def assignments(recipe: Recipe, trials: Trials, track: Track[Any]) -> list[Assignment]:
    """Assignments from the cheapest to the most exact, without the one that quantizes nothing."""
    if recipe.linears is None:
        raise ValueError("a recipe to search has linear layers")
    schemes, sizes = recipe.linears.schemes, trials.layer_sizes
    ladder: tuple[Scheme, ...] = (*schemes, FLOAT)
    units = [
        SearchLayer(
            costs=tuple(COSTS[scheme] * size for scheme in ladder),
            losses=(*(trials.loss(_alone(number, scheme, len(sizes))) for scheme in schemes), 0.0),
        )
        for number, size in enumerate(track(sizes, "measuring what each layer loses"))
    ]
    tables = trials.table_size if recipe.tables else 0
    if tables:
        loss = trials.loss(Assignment(schemes=(FLOAT,) * len(sizes), tables=True))
        costs = (float(tables), COSTS[FLOAT] * tables)  # room, if no time
        units.append(SearchLayer(costs=costs, losses=(loss, 0.0)))
    return [
        Assignment(
            schemes=tuple(ladder[index] for index in state[: len(sizes)]),
            tables=bool(tables) and state[-1] == 0,
        )
        for state in chain(units)[:-1]
    ]


def _alone(number: int, scheme: Scheme, layers: int) -> Assignment:
    """One layer quantized and nothing else."""
    schemes = tuple(scheme if each == number else FLOAT for each in range(layers))
    return Assignment(schemes=schemes, tables=False)


def explore(
    states: Sequence[Assignment],
    trials: Trials,
    budget: Budget,
    progress: Progress,
    track: Track[Any],
) -> tuple[Point | None, list[Point]]:
    """The cheapest that keeps the budget, and all that were measured, in the order of `states`."""
    points: dict[int, Point] = {}

    def passes(number: int) -> bool:
        progress(f"measuring {in_words(states[number])}")
        points[number] = trials.point(states[number])
        return budget.kept_by(points[number].measured, trials.exact)

    first_that_passes(len(states), passes)
    last = len(states) - 1
    quarters = {last * quarter // QUARTERS for quarter in range(QUARTERS + 1)} - points.keys()
    for number in track(sorted(quarters), "measuring the frontier"):
        points[number] = trials.point(states[number])
    frontier = [points[number] for number in sorted(points)]
    # Accuracy need not rise with exactness: halving may miss what a point of the frontier shows.
    kept = (point for point in frontier if budget.kept_by(point.measured, trials.exact))
    return next(kept, None), frontier


def in_words(assignment: Assignment) -> str:
    """How many layers have which scheme."""
    return f"{counted(assignment.counts)} layers, {'int8' if assignment.tables else FLOAT} tables"
