"""Values of sets of words, each run once."""

from collections.abc import Iterable, Sequence

from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.postprocessing.explanation.words import Word, shortened

Coalition = frozenset[int]
"""Numbers of the words that are kept."""


class Coalitions:
    """What a target is worth with some of its words; a set that was run is not run again.

    Attributes:
        words: of the item.
        free: numbers of those that may be taken out.
        runs: how many texts were run.
    """

    def __init__(self, target: Target, words: Sequence[Word]) -> None:
        self.words = words
        self.free = [number for number, word in enumerate(words) if not target.is_fixed(word)]
        self.runs = 0
        self._target, self._fixed = target, frozenset(range(len(words))) - {*self.free}
        self._known: dict[Coalition, float] = {}

    @property
    def whole(self) -> Coalition:
        """All words that may be taken out."""
        return frozenset(self.free)

    def values(self, wanted: Iterable[Coalition]) -> list[float]:
        """The target's number for each set of free words; fixed ones are always kept.

        Args:
            wanted: sets of numbers of `free`.
        """
        wanted = list(wanted)
        new = list(dict.fromkeys(each for each in wanted if each not in self._known))
        if new:
            items = [shortened(self._target.item, self.words, each | self._fixed) for each in new]
            self._known.update(zip(new, self._target.values(items), strict=True))
            self.runs += len(new)
        return [self._known[each] for each in wanted]
