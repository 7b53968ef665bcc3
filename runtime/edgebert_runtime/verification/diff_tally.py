"""What is counted while texts go through two models; of the texts only the worst is kept."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final, Protocol

import numpy as np

from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.verification.diff_report import AnswerDifference, TokenDifference
from edgebert_runtime.verification.probes import Deviation, Places

EXAMPLES: Final = 3
"""Texts with other tokens that are shown."""

SHOWN_TOKENS: Final = 12
BEFORE: Final = 3
"""Tokens that are shown before the first that differs."""


class Beside(Protocol):
    """What is counted beside how far answers are apart; it depends on the kind of answer."""

    def add(self, item: Item, old: Any, new: Any) -> None:
        """Count the two answers to a text."""

    def found(self, texts: int) -> dict[str, float | None]:
        """Fields of a report over so many texts, at least one."""


class Cosines:
    """Of vectors, old to new."""

    def __init__(self) -> None:
        self._sum, self._worst = 0.0, 1.0

    def add(self, item: Item, old: Sequence[float], new: Sequence[float]) -> None:
        """Count a cosine; vectors of other dimensions have none, two of zeros have 1."""
        del item
        cosine = math.nan
        if len(old) == len(new):
            one, other = np.asarray(old, np.float64), np.asarray(new, np.float64)
            norms = float(np.linalg.norm(one) * np.linalg.norm(other))
            cosine = float(one @ other) / norms if norms else float(one.any() == other.any())
        self._sum += cosine
        self._worst = min(cosine, self._worst)

    def found(self, texts: int) -> dict[str, float | None]:
        """Mean and worst."""
        return {"cosine_mean": _finite(self._sum / texts), "cosine_worst": _finite(self._worst)}


class Choices:
    """Texts of which the best of every place is the same: label, entity labels, span, fillings."""

    def __init__(self) -> None:
        self._equal, self._seen = 0, set[str]()

    def add(self, item: Item, old: Places, new: Places) -> None:
        """Count a text."""
        del item
        self._equal += [_best(place) for place in old] == [_best(place) for place in new]
        if len(self._seen) <= 1:
            self._seen.update(name for place in (*old, *new) for name in list(place)[:2])

    def found(self, texts: int) -> dict[str, float | None]:
        """The share; None where there is one name only, such as `follows`, and so no choice."""
        return {"equal": self._equal / texts if len(self._seen) > 1 else None}


class Orders:
    """Documents that stand as they did to the one before them, of the same query."""

    def __init__(self) -> None:
        self._equal = 0
        self._last: tuple[str, float, float] | None = None

    def add(self, item: Item, old: Places, new: Places) -> None:
        """Count a document; the first of a query stands as it did."""
        query = item[0]
        before, after = (next(iter(places[0].values())) for places in (old, new))
        same = True
        if self._last is not None and self._last[0] == query:
            _, last_before, last_after = self._last
            same = bool(np.sign(before - last_before) == np.sign(after - last_after))
        self._equal += same
        self._last = query, before, after

    def found(self, texts: int) -> dict[str, float | None]:
        """The share."""
        return {"equal": self._equal / texts}


class Tally:
    """Sums over the texts so far."""

    def __init__(
        self, deviation: Callable[[Any, Any], Deviation], tolerance: float, beside: Beside
    ) -> None:
        self._deviation, self._tolerance, self._beside = deviation, tolerance, beside
        self._examples: list[TokenDifference] = []
        self._worst: AnswerDifference | None = None
        self._tokens_differ = self._beyond = self.texts = 0
        self._sum = 0.0

    def add_tokens(
        self, item: Item, old: Sequence[str], new: Sequence[str], *, place: str = ""
    ) -> None:
        """Count a text whose tokens differ; `add_answer` follows."""
        self._tokens_differ += 1
        if len(self._examples) < EXAMPLES:
            pairs = enumerate(zip_longest(old, new))
            first = next((at for at, (one, other) in pairs if one != other), 0)
            shown = {"old": _around(old, first), "new": _around(new, first)}
            self._examples.append(
                TokenDifference(index=self.texts, text=item, place=place, **shown)
            )

    def add_answer(self, item: Item, old: Any, new: Any, *, place: str = "") -> None:
        """Count the two answers to a text."""
        off = self._deviation(old, new)
        self._beyond += off.amount > self._tolerance
        self._sum += off.amount
        if self._worst is None or off.amount > _amount(self._worst):
            self._worst = AnswerDifference(
                index=self.texts,
                text=item,
                amount=_finite(off.amount),
                at=off.at,
                old=_finite(off.expected),
                new=_finite(off.found),
                place=place,
            )
        self._beside.add(item, old, new)
        self.texts += 1

    def found(self) -> dict[str, Any]:
        """The fields of a report; at least one text was counted."""
        return {
            "texts": self.texts,
            "tokens_differ": self._tokens_differ,
            "token_examples": tuple(self._examples),
            "tolerance": self._tolerance,
            "beyond": self._beyond,
            "mean": _finite(self._sum / self.texts),
            "worst": self._worst,
            **self._beside.found(self.texts),
        }


def _best(place: Mapping[str, float]) -> str:
    return max(place, key=place.__getitem__, default="")


def _around(tokens: Sequence[str], first: int) -> tuple[str, ...]:
    """Some tokens from a little before a place, with dots where there are others."""
    start = max(0, first - BEFORE)
    end = start + SHOWN_TOKENS
    before = ("…",) if start else ()
    return (*before, *tokens[start:end], *(("…",) if end < len(tokens) else ()))


def _amount(worst: AnswerDifference) -> float:
    return math.inf if worst.amount is None else worst.amount


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
