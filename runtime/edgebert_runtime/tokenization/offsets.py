"""Where in a text its tokens lie."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.sliding_window import (
    kept_positions,
    room_in,
    shared_tokens,
    slide,
)


class Token(NamedTuple):
    """One token of a text alone, as `AlignedText` has them."""

    id: int
    piece: str
    offsets: tuple[int, int]
    word: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TextToken:
    """One token of a text.

    Attributes:
        id: of the token.
        text: what the caller's string has from `start` to `end`; of a token that the model adds
            how the vocabulary spells it.
        start: number of its first character, from 0; None of a token that the model adds.
        end: number of the character after its last, likewise.
    """

    id: int
    text: str
    start: int | None
    end: int | None


@dataclass(frozen=True, kw_only=True)
class AlignedText(EncodedText):
    """An encoded text that knows where each token comes from; all sequences are (sequence,).

    Attributes:
        pieces: the tokens as the vocabulary spells them, such as `##able`.
        offsets: first and behind-last character of each token, in the string it is from.
        words: number of each token's word in its string; None where the tokenizer has none.
        sources: 0 for the first text, 1 for the second, None for tokens that were added.
    """

    pieces: Sequence[str]
    offsets: Sequence[tuple[int, int]]
    words: Sequence[int | None]
    sources: Sequence[int | None]

    @staticmethod
    def of(encoding: Any, tokens: int | None = None) -> "AlignedText":
        """What the Rust tokenizer gives; `tokens` where the text has more."""
        return AlignedText(
            input_ids=encoding.ids,
            token_type_ids=encoding.type_ids,
            tokens=len(encoding.ids) if tokens is None else tokens,
            pieces=encoding.tokens,
            offsets=encoding.offsets,
            words=encoding.word_ids,
            sources=encoding.sequence_ids,
        )

    @staticmethod
    def padding(info: TokenizerInfo) -> "AlignedText":
        """A text without any token, as one padding token: a graph runs no row of length 0."""
        return AlignedText(
            input_ids=[info.pad_id],
            token_type_ids=[info.pad_type_id],
            tokens=0,
            pieces=[info.pad_token],
            offsets=[(0, 0)],
            words=[None],
            sources=[None],
        )

    def parts(self, limit: int, stride: int | None) -> list[range]:
        """Which tokens of the last text each window has.

        Args:
            limit: tokens of a window.
            stride: tokens that neighbouring windows share; None is the usual.

        Raises:
            ConfigError: a stride that a window has no room for.
            InputError: there is no room for the last text.
        """
        length, room = self.sources.count(self._last), self.room(limit)
        shared = shared_tokens(limit, room, stride) if length > room else 0
        return list(slide(length, room, shared)) or [range(0)]

    def windows(self, parts: Sequence[range]) -> Iterator["AlignedText"]:
        """Windows over the last text; in each of them what was added, and the first of a pair."""
        first = range(self.sources.count(0))
        for part in parts:
            yield self.take(kept_positions(self.sources, {0: first, self._last: part}))

    @property
    def _last(self) -> int:
        return max((source for source in self.sources if source is not None), default=0)

    def cut(self, limit: int) -> "AlignedText":
        """A single text without what exceeds a limit; `tokens` stays that of the whole."""
        if len(self.input_ids) <= limit:
            return self
        room = limit - self.sources.count(None)
        return self.take(kept_positions(self.sources, {0: range(room)}))

    def inside(self) -> "AlignedText":
        """Only the tokens of the text itself."""
        return self.take([at for at, source in enumerate(self.sources) if source is not None])

    def content(self, characters: int, words: int) -> list[Token]:
        """The tokens of a single text, which is behind so many characters and words of a whole."""
        return [
            Token(
                self.input_ids[at],
                self.pieces[at],
                (self.offsets[at][0] + characters, self.offsets[at][1] + characters),
                None if (word := self.words[at]) is None else word + words,
            )
            for at, source in enumerate(self.sources)
            if source is not None
        ]

    def spelled(self, text: str) -> list[TextToken]:
        """The tokens of a single text, those that were added included."""
        if not self.tokens:
            return []  # but one of padding
        return [
            TextToken(id=id_, text=piece, start=None, end=None)
            if source is None
            else TextToken(id=id_, text=text[start:end], start=start, end=end)
            for id_, piece, (start, end), source in zip(
                self.input_ids, self.pieces, self.offsets, self.sources, strict=True
            )
        ]

    def refilled(self, tokens: Sequence[Token]) -> "AlignedText":
        """With other tokens in place of the last text's."""
        at = self.sources.index(self._last)
        behind = at + self.sources.count(self._last)

        def around(mine: Sequence[Any], others: Iterable[Any]) -> list[Any]:
            return [*mine[:at], *others, *mine[behind:]]

        count = len(tokens)
        return AlignedText(
            input_ids=around(self.input_ids, (token.id for token in tokens)),
            token_type_ids=around(self.token_type_ids, [self.token_type_ids[at]] * count),
            tokens=len(self.input_ids) - (behind - at) + count,
            pieces=around(self.pieces, (token.piece for token in tokens)),
            offsets=around(self.offsets, (token.offsets for token in tokens)),
            words=around(self.words, (token.word for token in tokens)),
            sources=around(self.sources, [self._last] * count),
        )

    def room(self, limit: int) -> int:
        """How many tokens of the last text a window of so many holds.

        Raises:
            InputError: there is no room for the last text.
        """
        return room_in(limit, len(self.input_ids) - self.sources.count(self._last))

    def take(self, kept: Sequence[int]) -> "AlignedText":
        """Only the tokens at some positions."""
        return AlignedText(
            input_ids=[self.input_ids[at] for at in kept],
            token_type_ids=[self.token_type_ids[at] for at in kept],
            tokens=self.tokens,
            pieces=[self.pieces[at] for at in kept],
            offsets=[self.offsets[at] for at in kept],
            words=[self.words[at] for at in kept],
            sources=[self.sources[at] for at in kept],
        )


def stream(
    template: AlignedText, tokens: Iterable[Token], limit: int, stride: int | None
) -> Iterator[AlignedText]:
    """Windows over tokens as they come, each filled into a template.

    Args:
        template: what every window has, with any text in place of theirs.
        tokens: of the text, more than a window holds.
        limit: tokens of a window.
        stride: tokens that neighbouring windows share; None is the usual.

    Raises:
        ConfigError, InputError: as `AlignedText.parts`.
    """
    room = template.room(limit)
    shared = shared_tokens(limit, room, stride)
    held: list[Token] = []
    for token in tokens:
        if len(held) == room:  # and there is more
            yield template.refilled(held)
            held = held[room - shared :]
        held.append(token)
    yield template.refilled(held)
