"""What is faster than what, as far as the noise lets anyone say so.

**Rule.** One is faster than another only if it was faster in every round, and there were at least
five rounds. Otherwise they are level, however far their medians lie apart.

Why: rounds are measured in turn, so that what slows the machine down for a while slows both, and
times are compared within a round. Two that are equally fast win a round by chance, like a coin
that falls; that one of them wins all n has probability 2·2⁻ⁿ, for five rounds 1 in 16, however the
noise is distributed. (It is the sign test in its strictest form,
https://en.wikipedia.org/wiki/Sign_test.) With fewer rounds nothing is ranked. A quartile interval
of the ratios that excludes 1 would take four rounds of five, which chance gives 3 times in 8; and
being ahead in most rounds can go around in a circle, being ahead in all cannot.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import median
from typing import Any, Final, TypeVar

Name = TypeVar("Name", bound=Hashable)

Rounds = Sequence[float]
"""Times, one a round."""

FEWEST_RANKED: Final = 5
"""Rounds below which nothing is ranked."""

NEAR: Final = 1.05
"""How much longer the median of what is chosen for its other merits may be."""


def is_faster(ours: Rounds, theirs: Rounds) -> bool:
    """Whether the first was faster in every round, of which there are enough.

    Args:
        ours: times, one a round.
        theirs: those of the same rounds.
    """
    pairs = zip(ours, theirs, strict=True)
    return len(ours) >= FEWEST_RANKED and all(one < other for one, other in pairs)


def rank(times: Mapping[Name, Rounds]) -> list[list[Name]]:
    """Groups, the fastest first; within a group there is no order, it stands as given.

    Whatever is in a group is faster than everything in the groups after it. Who is level with
    somebody shares his group, and so does who is level with that one: the groups are the parts
    that hang together by being level. They can be put in order because being faster in every
    round is transitive: were A faster than C and C faster than B, A and B could not be level.
    The ends of such a chain need not be level; `leads` says so.
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
    """What is known within a group all the same: who is faster than whom; others are level."""
    slower = {
        one: [other for other in group if is_faster(times[one], times[other])] for one in group
    }
    return {one: others for one, others in slower.items() if others}


def unbeaten(times: Mapping[Name, Rounds]) -> list[Name]:
    """Those that nothing else is faster than; at least one."""
    return [name for name in times if not _beaten_by(times, name)]


def choose(times: Mapping[Name, Rounds], cost: Callable[[Name], Any]) -> Name:
    """Of the unbeaten that are about as fast, by their medians, the one that costs least.

    Being level may also mean that there is too much noise to tell. So what is chosen for its cost
    takes at most 5 % more than the fastest of the unbeaten, by the median over rounds of the ratio.

    Args:
        times: name → times; at least one.
        cost: what is to be least, of those; equal ones go by their order in `times`.
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
    """How many are faster."""
    return sum(is_faster(other, times[name]) for other in times.values())
