"""Each row once an epoch, at random, with rows of like length together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgebert.training.data.batch_order import POOL, make_batches


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=400),
    width=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_each_row_is_seen_once_and_only_the_last_step_is_short(
    lengths: list[int], width: int, seed: int
) -> None:
    steps = make_batches(lengths, width, np.random.default_rng(seed))
    assert sorted(np.concatenate(steps).tolist()) == list(range(len(lengths)))
    assert all(len(step) == width for step in steps[:-1])
    assert 1 <= len(steps[-1]) <= width
    assert len(steps) == -(-len(lengths) // width)


def test_lengths_of_a_step_are_alike_and_steps_are_not_in_their_order() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 100, size=8 * POOL)
    steps = make_batches(lengths.tolist(), 8, np.random.default_rng(1))
    spread = [int(np.ptp(lengths[step])) for step in steps]
    assert np.mean(spread) < 5  # of rows at random it is about 76
    longest = [int(lengths[step].max()) for step in steps]
    assert abs(np.corrcoef(np.arange(POOL), longest)[0, 1]) < 0.4
    other = make_batches(lengths.tolist(), 8, np.random.default_rng(2))
    assert [set(step) for step in steps] != [set(step) for step in other]
