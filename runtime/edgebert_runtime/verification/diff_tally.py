"""What is counted while texts go through two models; holds none of them but the worst."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.verification.diff_report import AnswerDifference, TokenDifference
from edgebert_runtime.verification.probes import Deviation, Places

EXAMPLES: Final = 3
"""Texts with other tokens that are shown."""

SHOWN_TOKENS: Final = 12
BEFORE: Final = 3
"""Tokens that are shown before the first that differs."""


@dataclass(kw_only=True)
class Tally:
    """Sums over the texts so far.

    Attributes:
        deviation: how far two answers are apart.
        tolerance: how far they may be.
        vectors: whether answers are vectors.
        ordered: whether answers are ranked among those of the same query.
    """

    deviation: Callable[[Any, Any], Deviation]
    tolerance: float
    vectors: bool
    ordered: bool
    texts: int = 0
    _examples: list[TokenDifference] = field(default_factory=list)
    _tokens_differ: int = 0
    _beyond: int = 0
    _sum: float = 0.0
    _worst: AnswerDifference | None = None
    _cosine_sum: float = 0.0
    _cosine_worst: float = 1.0
    _equal: int = 0
    _chosen: set[str] = field(default_factory=set)
    _last: tuple[str, float, float] | None = None

    def add_tokens(self, item: Item, old: Sequence[str], new: Sequence[str]) -> None:
        """Count a text whose tokens differ; `add_answer` follows."""
        self._tokens_differ += 1
        if len(self._examples) < EXAMPLES:
            pairs = enumerate(zip_longest(old, new))
            first = next((at for at, (one, other) in pairs if one != other), 0)
            self._examples.append(
                TokenDifference(
                    index=self.texts, text=item, old=_around(old, first), new=_around(new, first)
                )
            )

    def add_answer(self, item: Item, old: Any, new: Any) -> None:
        """Count the two answers to a text."""
        off = self.deviation(old, new)
        self._beyond += off.amount > self.tolerance
        self._sum += off.amount
        if self._worst is None or off.amount > _amount(self._worst):
            self._worst = AnswerDifference(
                index=self.texts,
                text=item,
                amount=_finite(off.amount),
                at=off.at,
                old=_finite(off.expected),
                new=_finite(off.found),
            )
        if self.vectors:
            self._add_cosine(old, new)
        elif self.ordered:
            self._add_order(item, old, new)
        else:
            self._add_choice(old, new)
        self.texts += 1

    def found(self) -> dict[str, Any]:
        """The fields of a report; at least one text was counted."""
        count = self.texts
        return {
            "texts": count,
            "tokens_differ": self._tokens_differ,
            "token_examples": tuple(self._examples),
            "tolerance": self.tolerance,
            "beyond": self._beyond,
            "mean": _finite(self._sum / count),
            "worst": self._worst,
            "cosine_mean": _finite(self._cosine_sum / count) if self.vectors else None,
            "cosine_worst": _finite(self._cosine_worst) if self.vectors else None,
            "equal": self._share(),
        }

    def _share(self) -> float | None:
        """None of vectors, and where every answer has the same single name: `follows`."""
        if self.vectors or not (self.ordered or len(self._chosen) > 1):
            return None
        return self._equal / self.texts

    def _add_cosine(self, old: Sequence[float], new: Sequence[float]) -> None:
        one, other = np.asarray(old, np.float64), np.asarray(new, np.float64)
        norms = float(np.linalg.norm(one) * np.linalg.norm(other))
        cosine = math.nan  # of other dimensions there is none
        if len(one) == len(other):
            cosine = float(one @ other) / norms if norms else float(one.any() == other.any())
        self._cosine_sum += cosine
        self._cosine_worst = min(cosine, self._cosine_worst)

    def _add_choice(self, old: Places, new: Places) -> None:
        before, after = _best(old), _best(new)
        self._equal += before == after
        if len(self._chosen) < 2:
            for place in (*old, *new):
                self._chosen.update(list(place)[:2])

    def _add_order(self, item: Item, old: Places, new: Places) -> None:
        """Whether a document stands to the one before it as it did; a query's first one does."""
        query = item[0]
        before, after = (next(iter(places[0].values())) for places in (old, new))
        same = True
        if self._last is not None and self._last[0] == query:
            _, last_before, last_after = self._last
            same = np.sign(before - last_before) == np.sign(after - last_after)
        self._equal += bool(same)
        self._last = (query, before, after)


def _best(places: Places) -> list[str]:
    return [_best_of(place) for place in places]


def _best_of(place: Mapping[str, float]) -> str:
    return max(place, key=place.__getitem__, default="")


def _around(tokens: Sequence[str], first: int) -> tuple[str, ...]:
    start = max(0, first - BEFORE)
    kept = tokens[start : start + SHOWN_TOKENS]
    return (
        *(("…",) if start else ()),
        *kept,
        *(("…",) if len(tokens) > start + SHOWN_TOKENS else ()),
    )


def _amount(worst: AnswerDifference) -> float:
    return math.inf if worst.amount is None else worst.amount


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
