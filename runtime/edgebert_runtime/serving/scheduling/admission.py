"""Whether a request may wait for its turn, by how long that would take.

Jobs share the workers evenly, so a request waits for no more tokens of another job than it has
itself. What it waits for is summed over all jobs under way, and divided by the measured speed. So a
text is taken beside a huge request, a huge request is taken by an idle server, and the same rule
refuses one text and many.
"""

from collections import defaultdict
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

from edgebert_runtime.errors import OverloadedError

MEMORY: Final = 0.98
"""What a measurement keeps of its weight when the next one comes."""

USUAL_CHARACTERS: Final = 4.0
"""Characters a token has where nothing was encoded yet."""

SPECIAL_TOKENS: Final = 2
"""Tokens of an item that are not of its text, about."""

LEAST_RETRY_SECONDS: Final = 0.1


class Speed:
    """How much of something there is for each of another, lately.

    Args:
        much: to begin with.
        each: likewise.
    """

    def __init__(self, much: float, each: float) -> None:
        self._much, self._each = much, each

    def add(self, much: float, each: float) -> None:
        """Measure once more."""
        self._much = self._much * MEMORY + much
        self._each = self._each * MEMORY + each

    @property
    def value(self) -> float:
        """The quotient."""
        return self._much / self._each


class Share:
    """What one admitted request has still to run; give it back by `Admission.leave`.

    Args:
        tokens: about.
    """

    def __init__(self, tokens: int) -> None:
        self.size, self.tokens = tokens.bit_length(), tokens


class Admission:
    """Estimates waits; for all threads.

    Args:
        max_wait: seconds that a request may wait for others.
        limit: tokens of the longest row.

    Attributes:
        speed: tokens a second of all workers together, measured elsewhere.
    """

    def __init__(self, max_wait: float, limit: int) -> None:
        self.speed = Speed(1.0, 1.0)
        self._max_wait, self._limit = max_wait, limit
        self._token_characters = Speed(USUAL_CHARACTERS, 1.0)
        self._tokens: dict[int, int] = defaultdict(int)
        self._requests: dict[int, int] = defaultdict(int)
        self._changing = Lock()

    def enter(self, items: Sequence[Any]) -> Share:
        """Admit a request, by the characters of its items.

        Raises:
            OverloadedError: it would wait longer than it may.
        """
        share = Share(self._estimate(items))
        with self._changing:
            wait = self._wait(share.tokens)
            if wait <= self._max_wait:
                self._tokens[share.size] += share.tokens
                self._requests[share.size] += 1
                return share
        raise OverloadedError(
            f"the request would wait for about {wait:.1f} s, at most {self._max_wait:g} s are "
            "allowed; ask again later",
            max(LEAST_RETRY_SECONDS, wait - self._max_wait),
        )

    def encoded(self, characters: int, tokens: int) -> None:
        """Learn how many characters a token has."""
        self._token_characters.add(characters, tokens)

    def ran(self, share: Share, tokens: int) -> None:
        """Note that rows of a request have run."""
        with self._changing:
            done = min(tokens, share.tokens)
            share.tokens -= done
            self._tokens[share.size] -= done

    def leave(self, share: Share) -> None:
        """Note that a request is over, whatever became of it."""
        with self._changing:
            self._tokens[share.size] -= share.tokens
            self._requests[share.size] -= 1
            share.tokens = 0

    def _estimate(self, items: Sequence[Any]) -> int:
        each = self._token_characters.value
        lengths = (int(characters_of(item) / each) + SPECIAL_TOKENS for item in items)
        return sum(min(length, self._limit) for length in lengths)

    def _wait(self, tokens: int) -> float:
        others = sum(
            min(waiting, self._requests[size] * tokens) for size, waiting in self._tokens.items()
        )
        return others / self.speed.value


def characters_of(item: Any) -> int:
    """Characters of a text, or of both of a pair; 0 of what is neither."""
    if isinstance(item, str):
        return len(item)
    if isinstance(item, tuple | list):
        return sum(len(text) for text in item if isinstance(text, str))
    return 0
