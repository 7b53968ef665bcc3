"""Candidate assignments, and the cheapest of them that meets a budget."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from edgebert_quantize.recipes import FLOAT, Recipe, Scheme, format_counts
from edgebert_quantize.search.budget import Budget
from edgebert_quantize.search.pareto import SearchLayer, convex_frontier, first_that_passes
from edgebert_quantize.search.trials import Assignment, Point, Trials
from edgebert_runtime.progress import ProgressCallback

Task = TypeVar("Task")
Track = Callable[[Sequence[Task], str], Iterable[Task]]
"""Iterates over a sequence and shows progress; the text names the step."""

COSTS: Final = {
    "per_tensor_static": 1.0,
    "qdq": 1.0,
    "per_tensor_dynamic": 1.05,
    "per_token_dynamic": 1.25,
    FLOAT: 4.0,
}
"""Relative cost of a weight: int8 is read and multiplied four times as fast as float32; a range for
each token adds a quarter (docs/decisions/0004-int8.md). Used to order assignments; the time of a
graph is measured."""

RATIO_DIGITS: Final = 2
"""Digits of a time over fp32, behind the point."""

SEGMENTS: Final = 4
"""The ends of so many equal parts of the frontier are always measured, to show the trade-off."""


def no_track(items: Sequence[Task], what: str) -> Iterable[Task]:
    """Iterate without showing progress."""
    del what
    return items


def assignments(recipe: Recipe, trials: Trials, track: Track[Any]) -> list[Assignment]:
    """Assignments from the cheapest to the most exact, without the one that is all float32."""
    if recipe.linears is None:
        raise ValueError("a recipe without linear layers cannot be searched")
    schemes, sizes = recipe.linears.schemes, trials.layer_sizes
    choices: tuple[Scheme, ...] = (*schemes, FLOAT)
    layers = [
        SearchLayer(
            costs=tuple(COSTS[scheme] * size for scheme in choices),
            losses=(*(trials.loss(_alone(number, scheme, len(sizes))) for scheme in schemes), 0.0),
        )
        for number, size in enumerate(track(sizes, "measuring the loss of each layer"))
    ]
    tables = trials.table_size if recipe.tables else 0
    if tables:
        loss = trials.loss(Assignment(schemes=(FLOAT,) * len(sizes), tables=True))
        costs = (float(tables), COSTS[FLOAT] * tables)  # a table costs space, not time
        layers.append(SearchLayer(costs=costs, losses=(loss, 0.0)))
    return [
        Assignment(
            schemes=tuple(choices[index] for index in state[: len(sizes)]),
            tables=bool(tables) and state[-1] == 0,
        )
        for state in convex_frontier(layers)[:-1]
    ]


def _alone(number: int, scheme: Scheme, count: int) -> Assignment:
    """One layer quantized and nothing else."""
    schemes = tuple(scheme if each == number else FLOAT for each in range(count))
    return Assignment(schemes=schemes, tables=False)


def explore(
    states: Sequence[Assignment],
    trials: Trials,
    budget: Budget,
    progress: ProgressCallback,
    track: Track[Any],
) -> tuple[Point | None, list[Point]]:
    """The point to choose, None if none meets the budget, and all measured points in order.

    Of the points that meet the budget it is the fastest by `Point.over_fp32`; where nothing is
    timed, and of points that are equally fast, the first.
    """
    points: dict[int, Point] = {}

    def passes(number: int) -> bool:
        progress(f"measuring {describe(states[number])}")
        points[number] = trials.point(states[number])
        return budget.is_met_by(points[number].measured)

    first_that_passes(len(states), passes)
    last = len(states) - 1
    ends = {last * segment // SEGMENTS for segment in range(SEGMENTS + 1)} - points.keys()
    for number in track(sorted(ends), "measuring the frontier"):
        points[number] = trials.point(states[number])
    frontier = [points[number] for number in sorted(points)]
    # Accuracy may fall as similarity rises, so bisection can miss a point that was measured here.
    passing = [point for point in frontier if budget.is_met_by(point.measured)]
    return min(passing, key=_time, default=None), frontier


def _time(point: Point) -> float:
    """What the choice goes by: the time over fp32 with the digits that are shown."""
    return 0.0 if point.over_fp32 is None else round(point.over_fp32, RATIO_DIGITS)


def describe(assignment: Assignment) -> str:
    """An assignment as text: layers of each scheme, and what embedding tables are."""
    tables = "int8" if assignment.tables else FLOAT
    return f"{format_counts(assignment.counts)} layers, {tables} tables"
