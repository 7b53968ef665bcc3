"""Where in a text its tokens lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edgebert_runtime.tokenization import EncodedText
from edgebert_runtime.windows import kept_positions, room_in, shared_tokens, slide


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

    def parts(self, limit: int, stride: int | None) -> list[range]:
        """Which tokens of the last text each window has.

        Args:
            limit: tokens of a window.
            stride: tokens that neighbouring windows share; None is the usual.

        Raises:
            ConfigError: a stride that a window has no room for.
            InputError: there is no room for the last text.
        """
        length = self.sources.count(self._last)
        room = room_in(limit, len(self.input_ids) - length)
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
