"""The two-sided sign test in its strictest form: one contender is faster in every round.

Rounds are paired: both contenders are measured in each, so that a disturbance affects both. Of two
equally fast contenders each wins a round with probability 1/2, whatever the distribution of the
noise. One of them wins all n rounds with probability 2 · 2⁻ⁿ. This is the false-positive rate: 1/4
at three rounds, 1/16 at five.
https://en.wikipedia.org/wiki/Sign_test
"""

from collections.abc import Sequence


def is_faster_in_every_round(times: Sequence[float], others: Sequence[float]) -> bool:
    """Whether the first is faster than the second in every round; ties and NaN count against it.

    Args:
        times: one per round.
        others: those of the same rounds.
    """
    return all(time < other for time, other in zip(times, others, strict=True))
