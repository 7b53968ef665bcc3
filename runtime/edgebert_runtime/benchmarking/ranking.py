"""Rank contenders by a two-sided sign test over paired rounds.

One contender is faster than another only if it is faster in every round, and there are at least
five rounds: the false-positive rate is 1/16 (`measurement.sign_test`). Otherwise the two are level,
however far apart their medians are. With fewer rounds nothing is ranked.

Rejected: a quartile interval of the ratios that excludes 1 needs four rounds of five, which chance
gives 3 times in 8. And being faster in most rounds is not transitive; being faster in all is.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import median
from typing import Any, Final, TypeVar

from edgebert_runtime.measurement.sign_test import is_faster_in_every_round

Name = TypeVar("Name", bound=Hashable)

Rounds = Sequence[float]
"""Times, one a round."""

FEWEST_RANKED: Final = 5
"""Rounds below which nothing is ranked."""

NEAR: Final = 1.05
"""The largest ratio to the fastest that counts as about as fast."""


def is_faster(ours: Rounds, theirs: Rounds) -> bool:
    """Whether the first was faster in every round, and there are at least `FEWEST_RANKED`.

    Args:
        ours: times, one a round.
        theirs: those of the same rounds.
    """
    return is_faster_in_every_round(ours, theirs) and len(ours) >= FEWEST_RANKED


def rank(times: Mapping[Name, Rounds]) -> list[list[Name]]:
    """Groups, the fastest first; a group keeps the order of `times`.

    Everything in a group is faster than everything in later groups. The groups are the connected
    components of the relation "level". They have an order because being faster in every round is
    transitive. Within a group one contender can be faster than another; `leads` lists these pairs.
    """
    left, groups = list(times), []
    while left:
        group, reached = [], [left[0]]
        while reached:
            one = reached.pop()
            group.append(one)
            left.remove(one)
            unseen = [other for other in left if other not in reached]
            reached += [other for other in unseen if _level(times, one, other)]
        groups.append([name for name in times if name in group])
    return sorted(groups, key=lambda group: _beaten_by(times, group[0]))


def leads(times: Mapping[Name, Rounds], group: Sequence[Name]) -> dict[Name, list[Name]]:
    """Pairs within a group of which one is faster: name → the slower ones."""
    slower = {
        one: [other for other in group if is_faster(times[one], times[other])] for one in group
    }
    return {one: others for one, others in slower.items() if others}


def unbeaten(times: Mapping[Name, Rounds]) -> list[Name]:
    """Contenders that no other is faster than; at least one."""
    return [name for name in times if not _beaten_by(times, name)]


def choose(times: Mapping[Name, Rounds], cost: Callable[[Name], Any]) -> Name:
    """The cheapest of the unbeaten contenders that are about as fast as the fastest.

    Contenders can be level because of noise. So the choice takes at most 5 % longer than the
    fastest of the unbeaten, by the median of the ratio over the rounds.

    Args:
        times: name → times; at least one.
        cost: to minimize; ties go by the order of `times`.
    """
    names = unbeaten(times)
    fastest = min(names, key=lambda name: median(times[name]))
    near = [name for name in names if _ratio(times[name], times[fastest]) <= NEAR]
    return min(near, key=cost)


def _ratio(ours: Rounds, theirs: Rounds) -> float:
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def _level(times: Mapping[Name, Rounds], one: Name, other: Name) -> bool:
    return not is_faster(times[one], times[other]) and not is_faster(times[other], times[one])


def _beaten_by(times: Mapping[Name, Rounds], name: Name) -> int:
    """How many others are faster."""
    return sum(is_faster(other, times[name]) for other in times.values())
