"""The order in which layers are made more exact, and the search along it."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_quantize.evaluation.accuracy import Accuracy
from edgebert_quantize.evaluation.speed import Speed
from edgebert_quantize.search.budget import Budget, Measured
from edgebert_quantize.search.explore import explore, no_track
from edgebert_quantize.search.pareto import SearchLayer, convex_frontier, first_that_passes
from edgebert_quantize.search.trials import Assignment, Point


def test_most_loss_for_its_cost_goes_first_by_hand() -> None:
    """10 lost for 3, 6 for 1, 1 for 1: ratios 3.3, 6 and 1."""
    units = [
        SearchLayer(costs=(1, 4), losses=(10, 0)),
        SearchLayer(costs=(1, 2), losses=(6, 0)),
        SearchLayer(costs=(1, 2), losses=(1, 0)),
    ]
    assert convex_frontier(units) == [(0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 1)]


def test_a_way_that_is_not_worth_its_cost_is_passed_over() -> None:
    """The middle way saves 1 for 2; going straight to the last saves 10 for 3."""
    assert convex_frontier([SearchLayer(costs=(1, 3, 4), losses=(10, 9, 0))]) == [(0,), (2,)]


def test_a_way_that_is_worse_than_a_cheaper_one_is_never_taken() -> None:
    assert convex_frontier([SearchLayer(costs=(1, 2, 4), losses=(3, 5, 0))]) == [(0,), (2,)]


def test_everything_ends_exact_even_what_seems_to_gain_by_rounding() -> None:
    assert convex_frontier([SearchLayer(costs=(1, 4), losses=(-0.1, 0))])[-1] == (1,)


units_of = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 50), st.integers(0, 50)),
    min_size=1,
    max_size=4,
).map(
    lambda rows: [
        SearchLayer(costs=(1, 1 + one, 1 + one + two), losses=(max(a, b) + 1, min(a, b), 0))
        for one, two, a, b in rows
    ]
)


@given(units_of)
def test_nothing_is_both_cheaper_and_better_than_a_state_of_the_chain(
    units: list[SearchLayer],
) -> None:
    def weighed(state: tuple[int, ...]) -> tuple[float, float]:
        pairs = list(zip(units, state, strict=True))
        return sum(unit.costs[at] for unit, at in pairs), sum(u.losses[at] for u, at in pairs)

    every = [weighed(state) for state in product(range(3), repeat=len(units))]
    for state in convex_frontier(units):
        cost, loss = weighed(state)
        assert not any(c < cost and f < loss for c, f in every)


@given(st.integers(1, 60), st.integers(0, 60))
def test_the_first_that_passes_is_found_in_few_tries(count: int, first: int) -> None:
    tried: list[int] = []

    def passes(number: int) -> bool:
        tried.append(number)
        return number >= first

    found = first_that_passes(count, passes)
    assert found == (first if first < count else None)
    assert len(tried) == len(set(tried)) <= 2 + count.bit_length()


@pytest.mark.parametrize("count", [1, 2, 9])
def test_if_none_passes_two_tries_say_so(count: int) -> None:
    tried: list[int] = []
    assert first_that_passes(count, lambda number: bool(tried.append(number))) is None
    assert tried == list(dict.fromkeys([0, count - 1]))


@pytest.mark.parametrize(
    ("right", "chosen"),
    [
        ([0.8, 0.8, 0.8, 0.8, 0.9, 0.9, 0.9, 1.0, 1.0], 7),
        ([0.8, 0.8, 1.0, 0.8, 0.8, 0.8, 0.9, 0.9, 0.9], 2),  # halving meets the two ends only
        ([0.8, 0.8, 1.0, 0.8, 0.8, 0.8, 0.8, 0.8, 1.0], 2),  # and here passes it by
        ([0.8, 0.8, 0.8, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9], None),
    ],
)
def test_accuracy_that_falls_and_rises_is_searched_in_the_frontier_too(
    right: list[float], chosen: int | None
) -> None:
    states = [
        Assignment(schemes=("per_tensor_static",) * (number + 1), tables=False)
        for number in range(9)
    ]

    def point(state: Assignment) -> Point:
        lost = round(10 * (1 - right[len(state.schemes) - 1]))
        accuracy = Accuracy(rows=10, fp32_right=10, lost=lost, gained=0, flipped=lost)
        measured = Measured(mean=1, worst=1, accuracy=accuracy)
        return Point(assignment=state, measured=measured, size_bytes=1, speed=None)

    trials: Any = SimpleNamespace(point=point)
    budget = Budget(text="accuracy_drop<=0%", accuracy_drop=0)
    found, frontier = explore(states, trials, budget, lambda _: None, no_track)
    assert (found and found.assignment) == (None if chosen is None else states[chosen])
    assert [len(each.assignment.schemes) for each in frontier] == sorted(
        {len(each.assignment.schemes) for each in frontier}
    )


@pytest.mark.parametrize(
    ("ratios", "chosen"),
    [
        ([0.2, 0.3, 0.4, 0.5, 0.6], 1),  # the first that meets the budget is the fastest
        ([0.2, 0.5, 0.4, 0.3, 0.6], 3),
        ([0.2, 0.403, 0.9, 0.9, 0.401], 1),  # alike in the digits that are shown
        ([None] * 5, 1),
    ],
)
def test_the_choice_is_the_fastest_by_the_number_that_is_shown(
    ratios: list[float | None], chosen: int
) -> None:
    states = [
        Assignment(schemes=("per_tensor_static",) * (number + 1), tables=False)
        for number in range(5)
    ]

    def point(state: Assignment) -> Point:
        number = len(state.schemes) - 1
        ratio = ratios[number]
        speed = None if ratio is None else Speed(candidate_ms=(ratio,), source_ms=(1.0,))
        measured = Measured(mean=0.9 + number / 100, worst=1)
        return Point(assignment=state, measured=measured, size_bytes=1, speed=speed)

    trials: Any = SimpleNamespace(point=point)
    budget = Budget(text="cosine>=0.905", mean=0.905)
    found, frontier = explore(states, trials, budget, lambda _: None, no_track)
    assert found == frontier[chosen]
