"""Cut a huge text where its tokens would have ended anyway.

The tokenizer takes a hundred times a text's size in memory. A slice ends at white space or
punctuation where both sides, tokenized apart, give the tokens they give together; that is tried on
the spot, so it holds for every kind of tokenizer.
"""

from collections.abc import Callable, Iterator
from typing import Final

SLICE_CHARACTERS: Final = 100_000
"""Longest text that is tokenized at once."""

NEARBY_CHARACTERS: Final = 200
"""On each side of a cut, what is tokenized to try it."""

TRIES: Final = 50
"""Places tried before a slice is made longer, and after that again."""

MARKS: Final = frozenset("。，、；：！？")
"""Punctuation of Chinese and Japanese."""

IdsOf = Callable[[str], list[int]]
"""Ids of a text alone, without special tokens."""


def slices(text: str, ids_of: IdsOf, size: int = SLICE_CHARACTERS) -> Iterator[str]:
    """Yield a text in order, each part with the tokens it has in the whole.

    A text that has no such place, for example one long word, comes in one part.

    Args:
        text: of any length.
        ids_of: tokenizes a part.
        size: characters of a part, about.
    """
    start = 0
    while len(text) - start > size:
        cut = _safe_cut(text, start + size, start, ids_of)
        if cut is None:
            break
        yield text[start:cut]
        start = cut
    yield text[start:]


def _safe_cut(text: str, near: int, start: int, ids_of: IdsOf) -> int | None:
    """A place to cut, before `near` if there is one, else after it."""
    before = _places(text, range(near, start, -1))
    after = _places(text, range(near + 1, len(text) - 1))
    for candidates in (before, after):
        for _, cut in zip(range(TRIES), candidates, strict=False):
            if _is_safe(text, cut, ids_of):
                return cut
    return None


def _places(text: str, candidates: range) -> Iterator[int]:
    """Before white space that stands alone, and behind marks of languages that write without."""
    for place in candidates:
        spaces = [character.isspace() for character in text[place - 1 : place + 2]]
        if spaces == [False, True, False] or text[place - 1] in MARKS:
            yield place


def _is_safe(text: str, cut: int, ids_of: IdsOf) -> bool:
    before = text[max(cut - NEARBY_CHARACTERS, 0) : cut]
    after = text[cut : cut + NEARBY_CHARACTERS]
    return ids_of(before) + ids_of(after) == ids_of(before + after)
