"""What counts as faster, on rounds made by hand and at random."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime.benchmarking.ranking import (
    FEWEST_RANKED,
    choose,
    is_faster,
    leads,
    rank,
    unbeaten,
)

ROUNDS = st.lists(st.integers(1, 4), min_size=5, max_size=5)
TIMES = st.dictionaries(st.sampled_from("abcdefg"), ROUNDS, min_size=1)


@pytest.mark.parametrize(
    ("ours", "theirs", "faster"),
    [
        ([1, 1, 1, 1, 1], [2, 2, 2, 2, 2], True),
        ([1, 1, 1, 1, 1], [1, 1, 1, 1, 1], False),
        ([1, 2, 3, 4, 5], [1.1, 2.1, 3.1, 4.1, 5.1], True),  # the machine drifts under both
        ([1, 1, 1, 1, 2.1], [2, 2, 2, 2, 2], False),  # one round disagrees
        ([1, 1, 1, 1, 2], [2, 2, 2, 2, 2], False),
        ([1, 1, 1, 1], [9, 9, 9, 9], False),  # too few
    ],
)
def test_faster_is_faster_in_every_round(
    ours: Sequence[float], theirs: Sequence[float], faster: bool
) -> None:
    assert is_faster(ours, theirs) is faster
    assert not is_faster(theirs, ours)


def test_groups_come_in_order_and_have_none() -> None:
    times = {
        "slow": [9.0] * 5,
        "b": [2.0, 2.0, 2.0, 2.0, 1.0],
        "a": [1.0, 1.0, 1.0, 1.0, 2.0],
        "fast": [0.5] * 5,
    }
    assert rank(times) == [["fast"], ["b", "a"], ["slow"]]
    assert unbeaten(times) == ["fast"]
    assert unbeaten({name: times[name] for name in ("b", "a", "slow")}) == ["b", "a"]


def test_the_ends_of_a_chain_are_one_group_and_their_lead_is_said() -> None:
    """A beats C; B, which is all noise, is level with both."""
    times = {"c": [3.0] * 5, "b": [1.0, 9.0, 1.0, 9.0, 1.0], "a": [2.0] * 5}
    assert rank(times) == [["c", "b", "a"]]
    assert leads(times, ["c", "b", "a"]) == {"a": ["c"]}
    assert unbeaten(times) == ["b", "a"]


@given(TIMES)
def test_whatever_is_in_a_group_beats_all_groups_behind_it(times: dict[str, list[int]]) -> None:
    groups = rank(times)
    assert sorted(name for group in groups for name in group) == sorted(times)
    for place, group in enumerate(groups):
        for later in groups[place + 1 :]:
            assert all(is_faster(times[one], times[other]) for one in group for other in later)
        for name in group:
            others = [other for other in group if other != name]
            assert not others or any(
                not is_faster(times[name], times[other])
                and not is_faster(times[other], times[name])
                for other in others
            )
    assert set(unbeaten(times)) <= set(groups[0])


def test_too_few_rounds_rank_nothing() -> None:
    few = FEWEST_RANKED - 1
    assert rank({"a": [1.0] * few, "b": [9.0] * few}) == [["a", "b"]]


COST = {"one": 1, "two": 2, "four": 4}


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ({"two": [1, 1, 1, 1, 1], "one": [1.01, 1.01, 1.01, 1.01, 0.99]}, "one"),
        ({"two": [1, 1, 1, 1, 1], "one": [1.01, 1.01, 1.01, 1.01, 1.01]}, "two"),  # it is faster
        ({"two": [1, 1, 1, 1, 3], "one": [2, 2, 2, 2, 2]}, "two"),  # level, for the noise
        ({"four": [1] * 5, "two": [1] * 5, "one": [1] * 5}, "one"),
    ],
)
def test_of_those_about_as_fast_the_cheapest_is_chosen(
    times: dict[str, list[float]], chosen: str
) -> None:
    assert choose(times, COST.__getitem__) == chosen
