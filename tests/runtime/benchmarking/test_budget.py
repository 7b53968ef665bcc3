"""What is answered within so many milliseconds, on sweeps made by hand."""

import pytest

from edgebert_runtime.benchmarking.budget import require_within, within
from edgebert_runtime.benchmarking.results import Timing
from edgebert_runtime.errors import CheckFailedError
from tests.support.bench_reports import SLOW, timing


def sweep(times: dict[tuple[str, int, int, int], float]) -> list[Timing]:
    return [timing(*where, [ms / SLOW] * 5) for where, ms in times.items()]


SWEEP = sweep(
    {
        ("int8", 1, 1, 8): 1,
        ("int8", 1, 1, 32): 3,
        ("int8", 1, 1, 128): 9,
        ("int8", 1, 8, 8): 6,
        ("int8", 1, 8, 32): 21,
        ("int8", 1, 8, 128): 80,
        ("int8", 2, 1, 8): 1,
        ("int8", 2, 1, 32): 2,
        ("int8", 2, 1, 128): 5,
        ("int8", 2, 8, 8): 4,
        ("int8", 2, 8, 32): 11,
        ("int8", 2, 8, 128): 41,
        ("fp32", 1, 1, 8): 25,
        ("fp32", 2, 1, 8): 20.5,
    }
)


def places(timings: object) -> list[tuple[int, int, int]]:
    assert isinstance(timings, tuple)
    return [(each.batch, each.sequence, each.threads) for each in timings]


def test_the_largest_the_frontier_and_the_fewest_threads() -> None:
    int8, fp32 = within(SWEEP, 20)
    assert places(int8.frontier) == [(8, 32, 2), (1, 128, 1)]
    assert int8.largest is not None
    assert int8.largest.shape == (8, 32)
    assert int8.nearest is None
    assert (fp32.largest, fp32.frontier) == (None, ())
    assert fp32.nearest is not None
    assert fp32.nearest.threads == 2
    require_within([int8, fp32], 20)


def test_exactly_the_budget_is_within_it() -> None:
    exact = [timing("a", 1, 1, 8, [4.0] * 5)]
    assert within(exact, 6)[0].largest is not None
    assert within(exact, 5.999)[0].largest is None


def test_of_as_many_tokens_the_longer_text_is_the_larger() -> None:
    (found,) = within(sweep({("a", 1, 8, 32): 1, ("a", 1, 32, 8): 1, ("a", 1, 1, 64): 1}), 2)
    assert places(found.frontier) == [(32, 8, 1), (8, 32, 1), (1, 64, 1)]
    assert found.largest is not None
    assert found.largest.shape == (8, 32)


def test_a_median_within_the_budget_is_not_enough() -> None:
    """Half of the rounds are late, or five of a hundred runs are."""
    late = [timing("a", 1, 1, 8, [1, 1, 1, 9, 9])]
    assert late[0].quartiles_ms.median == 1
    assert within(late, 9)[0].largest is None
    one_bad_round = [timing("a", 1, 1, 8, [1, 1, 1, 1, 9])]
    assert within(one_bad_round, SLOW)[0].largest is not None


def test_where_nothing_keeps_it_the_nearest_is_said() -> None:
    found = within(SWEEP, 0.5)
    assert all(each.largest is None for each in found)
    with pytest.raises(
        CheckFailedError,
        match=r"within 0\.5 ms; the nearest is int8 with 1 thread on 1 × 8 tokens with 1 ms;",
    ):
        require_within(found, 0.5)
