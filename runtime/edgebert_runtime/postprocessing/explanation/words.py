"""The words of a text or a pair, and the item that is left when some are taken out."""

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from edgebert_runtime.tokenization.items import Item, strings_of

if TYPE_CHECKING:
    from edgebert_runtime.tokenization.offsets import AlignedText

APOSTROPHES: Final = frozenset("'’-")
"""They join what stands on both sides of them: `don't` is a word."""

ALONE: Final = (
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # CJK ideographs, extension A
    (0x4E00, 0x9FFF),  # CJK ideographs
    (0xF900, 0xFAFF),  # compatibility ideographs
    (0x20000, 0x3FFFF),  # further extensions
)
"""Characters that are words of their own: their scripts put no spaces between words."""


class Word(NamedTuple):
    """A word of an item.

    Attributes:
        text: what the item has there.
        part: 0 for a text or the first of a pair, 1 for the second.
        start: number of its first character in that text, from 0.
        end: number of the character after its last.
        tokens: numbers of those that have a character of it; none where nobody has looked, or the
            model reads them elsewhere.
    """

    text: str
    part: int
    start: int
    end: int
    tokens: tuple[int, ...] = ()


class Shortened(NamedTuple):
    """An item without some of its words.

    Attributes:
        item: what is left.
        starts: number of a kept word → where it starts in its text now.
    """

    item: Item
    starts: dict[int, int]


def words_of(item: Item) -> list[Word]:
    """The words of an item, in order.

    A word is a run of characters that are neither spaces nor punctuation; apostrophes and hyphens
    inside it belong to it. Each sign of punctuation and each ideograph is a word of its own.
    """
    return [
        Word(text[start:end], part, start, end)
        for part, text in enumerate(strings_of(item))
        for start, end in _spans(text)
    ]


def with_tokens(words: Sequence[Word], text: "AlignedText", prefix: int = 0) -> list[Word]:
    """Words with the tokens of a text that lie in them.

    Args:
        words: of `words_of`.
        text: the item, or the first string of it, as the model reads it.
        prefix: characters before the string that are not the caller's.
    """
    places = [
        (source, start - prefix, end - prefix)
        for source, (start, end) in zip(text.sources, text.offsets, strict=True)
    ]
    return [
        word._replace(
            tokens=tuple(
                at
                for at, (source, start, end) in enumerate(places)
                if source == word.part and max(start, word.start) < min(end, word.end)
            )
        )
        for word in words
    ]


def shortened(item: Item, words: Sequence[Word], kept: Collection[int]) -> Shortened:
    """An item with only some of its words, each after the space that it has before it.

    Args:
        item: a text or a pair.
        words: of `words_of`.
        kept: their numbers; with all of them the item is as it was.
    """
    if len(kept) == len(words):
        return Shortened(item, {number: word.start for number, word in enumerate(words)})
    texts = strings_of(item)
    lefts = [""] * len(texts)
    starts: dict[int, int] = {}
    for number, word in enumerate(words):
        if number not in kept:
            continue
        before = words[number - 1].end if number and words[number - 1].part == word.part else 0
        gap = texts[word.part][before : word.start] if lefts[word.part] else ""
        starts[number] = len(lefts[word.part]) + len(gap)
        lefts[word.part] += gap + word.text
    return Shortened(lefts[0] if isinstance(item, str) else (lefts[0], lefts[1]), starts)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    begun: int | None = None
    for at, character in enumerate(text):
        inside = _is_inside(text, at)
        if begun is not None and not inside:
            yield begun, at
            begun = None
        if inside and begun is None:
            begun = at
        elif not inside and not character.isspace():
            yield at, at + 1
    if begun is not None:
        yield begun, len(text)


def _is_inside(text: str, at: int) -> bool:
    """Whether a character belongs to a word of several."""
    if text[at] in APOSTROPHES:
        return 0 < at < len(text) - 1 and _is_letter(text[at - 1]) and _is_letter(text[at + 1])
    return _is_letter(text[at])


def _is_letter(character: str) -> bool:
    """Whether it is neither space, punctuation, symbol, control, nor a word of its own."""
    alone = any(first <= ord(character) <= last for first, last in ALONE)
    return not alone and unicodedata.category(character)[0] in "LMN"
