"""The order of rounds, and the sign test."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime.measurement.rounds import alternating_rounds, measure_in_rounds
from edgebert_runtime.measurement.sign_test import is_faster_in_every_round


def test_rounds_alternate() -> None:
    expected = [["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"]]
    assert list(alternating_rounds("abc", 3)) == expected


def test_no_round_and_no_contender() -> None:
    assert list(alternating_rounds("ab", 0)) == []
    assert list(alternating_rounds("", 2)) == [[], []]


@given(count=st.integers(1, 8), half=st.integers(1, 5))
def test_over_an_even_number_of_rounds_nobody_has_an_advantage(count: int, half: int) -> None:
    """Mean positions are equal; of two contenders each is first equally often."""
    orders = list(alternating_rounds(range(count), 2 * half))
    for contender in range(count):
        positions = [order.index(contender) for order in orders]
        assert sum(positions) == half * (count - 1)
    if count == 2:
        assert [order[0] for order in orders].count(0) == half


def test_results_are_in_the_order_of_rounds() -> None:
    calls: list[str] = []

    def measure(name: str) -> int:
        calls.append(name)
        return len(calls)

    found = measure_in_rounds({"a": lambda: measure("a"), "b": lambda: measure("b")}, 3)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [1, 4, 5], "b": [2, 3, 6]}


@pytest.mark.parametrize(
    ("times", "others", "faster"),
    [
        ([1, 1, 1], [2, 2, 2], True),
        ([1, 1, 3], [2, 2, 2], False),
        ([1, 1, 2], [2, 2, 2], False),  # a tie
        ([1, 1, float("nan")], [2, 2, 2], False),
        ([9, 1], [10, 2], True),  # only times of the same round are compared
    ],
)
def test_faster_in_every_round(times: list[float], others: list[float], faster: bool) -> None:
    assert is_faster_in_every_round(times, others) is faster


@pytest.mark.parametrize(("rounds", "rate"), [(3, 1 / 4), (5, 1 / 16)])
def test_false_positive_rate(rounds: int, rate: float) -> None:
    """Of two equally fast contenders, over all outcomes of so many fair rounds."""
    outcomes = list(product([1, 3], repeat=rounds))
    other = [2] * rounds
    decided = [
        times
        for times in outcomes
        if is_faster_in_every_round(times, other) or is_faster_in_every_round(other, times)
    ]
    assert len(decided) / len(outcomes) == rate


def test_rounds_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="longer"):
        is_faster_in_every_round([1, 1], [2, 2, 2])
