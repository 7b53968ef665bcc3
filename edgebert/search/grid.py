"""Which combinations of steps there are, their order, and which of them cannot succeed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from edgebert.search.steps import Level, Situation, Step

Levels = tuple[int, ...]
"""Of each step how far it goes, from 1 on; 0 where it is left out."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A step and the levels that it has for a checkpoint."""

    step: Step
    levels: Sequence[Level]


def offers(steps: Sequence[Step], situation: Situation) -> list[Offer]:
    """The steps that apply, in their order."""
    found = (Offer(step=step, levels=step.levels(situation)) for step in steps)
    return [offer for offer in found if offer.levels]


def combinations(offered: Sequence[Offer]) -> list[Levels]:
    """Combinations that make sense, cheap ones first, then light ones; all do something.

    Of two that cost alike, the one that changes less of the later steps comes first, because those
    lose more.
    """
    ranges = [range(len(offer.levels) + 1) for offer in offered]
    return sorted(
        (each for each in product(*ranges) if any(each) and _fits(offered, each)),
        key=lambda each: (_minutes(offered, each), each[::-1]),
    )


def _fits(offered: Sequence[Offer], levels: Levels) -> bool:
    """Whether every step has what it needs, and none that it excludes."""
    steps = [step for step, _ in chosen_levels(offered, levels)]
    names = {step.name for step in steps}
    return all(
        (step.needs is None or step.needs in names) and step.excludes not in names for step in steps
    )


def _minutes(offered: Sequence[Offer], levels: Levels) -> int:
    """Of the longest step."""
    taken = zip(offered, levels, strict=True)
    return max(offer.step.minutes for offer, level in taken if level)


@dataclass(kw_only=True)
class Knowledge:
    """What measurements say of combinations that were not measured.

    Going further in a step is taken to lose more, unless it is one that recovers, and never to make
    a model larger or slower.

    Attributes:
        offered: the steps.
        missed: of each precision, combinations and what they do not reach.
        lossy: of each precision, combinations that lose more than the budget allows.
    """

    offered: Sequence[Offer]
    missed: dict[str, list[tuple[Levels, frozenset[str]]]] = field(default_factory=dict)
    lossy: dict[str, list[Levels]] = field(default_factory=dict)

    def learn(self, levels: Levels, precision: str, missed: frozenset[str], *, keeps: bool) -> None:
        """Note what was measured of a combination in a precision."""
        self.missed.setdefault(precision, []).append((levels, missed))
        self.lossy.setdefault(precision, [])
        if not keeps:
            self.lossy[precision].append(levels)

    def is_hopeless(self, levels: Levels) -> bool:
        """Whether no precision that was measured can succeed with a combination."""
        return bool(self.missed) and all(self._fails(levels, each) for each in self.missed)

    def _fails(self, levels: Levels, precision: str) -> bool:
        lossier = any(self._loses_no_less(levels, known) for known in self.lossy[precision])
        return lossier or any(
            self._reduces_no_more(quantity, levels, known)
            for known, missed in self.missed[precision]
            for quantity in missed
        )

    def _loses_no_less(self, levels: Levels, known: Levels) -> bool:
        """Whether a combination goes as far in every step, and recovers no more."""
        steps = zip(self.offered, levels, known, strict=True)
        return all(
            level <= other if offer.step.recovers else level >= other
            for offer, level, other in steps
        )

    def _reduces_no_more(self, quantity: str, levels: Levels, known: Levels) -> bool:
        """Whether a combination goes no further in any step that reduces the quantity."""
        steps = zip(self.offered, levels, known, strict=True)
        return all(
            level <= other for offer, level, other in steps if quantity in offer.step.reduces
        )


def chosen_levels(offered: Sequence[Offer], levels: Levels) -> Iterator[tuple[Step, Level]]:
    """The steps of a combination, in their order."""
    for offer, number in zip(offered, levels, strict=True):
        if number:
            yield offer.step, offer.levels[number - 1]


def names_of(offered: Sequence[Offer], levels: Levels) -> tuple[str, ...]:
    """The steps of a combination in words."""
    return tuple(f"{step.name} {level.name}" for step, level in chosen_levels(offered, levels))
