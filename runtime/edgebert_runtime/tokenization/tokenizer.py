"""Texts to token ids, through the Rust tokenizer the bundle carries."""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import InputError, TokenizerError
from edgebert_runtime.tokenization.chunking import SLICE_CHARACTERS, slices
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.items import Item, check_item, strings_of
from edgebert_runtime.tokenization.rust_tokenizer import RustTokenizer
from edgebert_runtime.tokenization.sliding_window import (
    kept_positions,
    room_in,
    shared_tokens,
    slide,
)
from edgebert_runtime.tokenization.template import (
    TemplatePiece,
    added_tokens,
    fill_template,
    longest_first,
)

if TYPE_CHECKING:
    from edgebert_runtime.tokenization.offsets import AlignedText, Token


class TextTokenizer:
    """A bundle's tokenizer with the bundle's limit.

    Attributes:
        limit: the longest text in tokens, special tokens included.
        SLICE_CHARACTERS: the longest text in characters that is tokenized at once.

    Raises:
        TokenizerError: `tokenizer.json` cannot be read, lengthens texts without bound, or does
            not fit the manifest.
    """

    SLICE_CHARACTERS: ClassVar[int] = SLICE_CHARACTERS

    def __init__(self, path: Path, info: TokenizerInfo) -> None:
        self._tokenizer = RustTokenizer(path)
        self._info = info
        self.limit = info.max_length
        self._check(path)

    def _check(self, path: Path) -> None:
        """Refuse a tokenizer that is not the one which the manifest is about."""
        added, info = self._tokenizer.specials(pair=False), self._info
        if added >= self.limit:
            raise TokenizerError(
                f"{path} adds {added} special tokens to a text, and max_length is {self.limit}, "
                "which leaves no room for the text; export the model with a larger max_length"
            )
        found = self.id_of(info.pad_token)
        if found not in (None, info.pad_id):
            raise TokenizerError(
                f"{path} has {info.pad_token!r} as token {found}, expected {info.pad_id} as the "
                "manifest says; export the model again"
            )

    def is_huge(self, text: str) -> bool:
        """Whether a text is so long that it is tokenized in slices."""
        return len(text) > self.SLICE_CHARACTERS

    @property
    def marks_subwords(self) -> bool:
        """Whether a piece that continues a word shows it by a prefix, as WordPiece's `##`."""
        return bool(self._tokenizer.subword_prefix)

    def encode(self, items: Sequence[Item], first: int = 0, prefix: str = "") -> list[EncodedText]:
        """Encode texts and pairs, cut to the limit; of a pair, the longer loses first.

        Args:
            items: strings, or pairs of them.
            first: number of the first among the caller's items, for errors.
            prefix: put before each string.

        Raises:
            InputError: an item is neither a string nor two of them, holds a lone surrogate, or
                has a character that the tokenizer knows no token for.
        """
        checked = [check_item(f"item {first + at}", item) for at, item in enumerate(items)]
        texts = [prefix + item if isinstance(item, str) else item for item in checked]
        huge = [any(map(self.is_huge, strings_of(text))) for text in texts]
        others = [text for text, sliced in zip(texts, huge, strict=True) if not sliced]
        whole = iter(
            self._encode_batch(others, [at for at, each in enumerate(huge) if not each], first)
        )
        return [
            self._never_empty(
                self._encode_slices(first + at, strings_of(text))
                if sliced
                else self._cut(next(whole))
            )
            for at, (text, sliced) in enumerate(zip(texts, huge, strict=True))
        ]

    def align(
        self, items: Sequence[Item], first: int = 0, *, head: bool = False
    ) -> "list[AlignedText]":
        """Encode texts and pairs, with the place of every token, nothing cut.

        Args:
            items: strings, or pairs of them.
            first: number of the first among the caller's items, for errors.
            head: of a huge text only the first slice, more than fills the limit; `tokens` counts
                all.

        Raises:
            InputError: as in `encode`.
        """
        from edgebert_runtime.tokenization.offsets import AlignedText  # most tasks start without

        checked = [check_item(f"item {first + at}", item) for at, item in enumerate(items)]
        heads = [
            next(self._slices(item)) if head and isinstance(item, str) else item for item in checked
        ]
        padding = AlignedText.padding(self._info)
        return [
            AlignedText.of(encoding, None if part is item else self.count([item])[0])
            if encoding.ids
            else padding
            for item, part, encoding in zip(
                checked, heads, self._encode_batch(heads, range(len(heads)), first), strict=True
            )
        ]

    def align_windows(self, item: Item, window: int, stride: int | None) -> "Iterator[AlignedText]":
        """Windows over a text, or over the second of a pair, with the place of every token.

        Args:
            item: the last string may be of any length, and takes little memory.
            window: tokens of a window.
            stride: tokens that neighbouring windows share; None is the usual.

        Raises:
            ConfigError: a stride that a window has no room for.
            InputError: as in `encode`, or the first of a pair fills a window.
        """
        from edgebert_runtime.tokenization.offsets import stream

        *others, last = strings_of(item)
        if not self.is_huge(last):
            (whole,) = self.align([item])
            yield from whole.windows(whole.parts(window, stride))
            return
        (template,) = self.align([(others[0], self._probe) if others else self._probe])
        yield from stream(template, self._tokens(last), window, stride)

    def overlap(self, window: int, stride: int | None) -> int:
        """How many tokens neighbouring windows over a long text share.

        Raises:
            ConfigError: a stride that a window has no room for.
        """
        (template,) = self.align([self._probe])
        return shared_tokens(window, template.room(window), stride)

    def _tokens(self, text: str) -> "Iterator[Token]":
        """The tokens of a text of any length, with their places in it."""
        characters = words = 0
        for part in self._slices(text):
            (aligned,) = self.align([part])
            yield from aligned.content(characters, words)
            characters += len(part)
            words += 1 + max((word for word in aligned.words if word is not None), default=-1)

    def count(self, items: Sequence[Item], first: int = 0, prefix: str = "") -> list[int]:
        """How many tokens each item has, special tokens included, nothing cut.

        Raises:
            InputError: as in `encode`.
        """
        return [encoded.tokens for encoded in self.encode(items, first, prefix)]

    def windows(self, item: Item, stride: int | None) -> Iterator[EncodedText]:
        """An item's tokens in windows of the limit, special tokens in each.

        Args:
            item: a text of any length, or a pair, of which every window has the first.
            stride: tokens that neighbouring windows share; None is the usual.

        Raises:
            ConfigError: a stride that a window has no room for.
            InputError: the first of a pair fills a window.
        """
        *others, last = [array("q", self._content(string)) for string in strings_of(item)]
        template = self._template(len(others) + 1)
        room = room_in(self.limit, added_tokens(template) + sum(map(len, others)))
        for part in slide(len(last), room, shared_tokens(self.limit, room, stride)):
            yield fill_template(template, [*others, last[part.start : part.stop]])

    def pad(
        self, encoded: Sequence[EncodedText], multiple: int = 1
    ) -> dict[str, NDArray[np.int64]]:
        """Lay texts out as one batch, padded right to the longest.

        Args:
            encoded: the texts.
            multiple: of which the batch's length is one, as far as the model takes it.

        Returns:
            input_ids, attention_mask, token_type_ids: each (batch, sequence), int64
        """
        longest = max(len(text.input_ids) for text in encoded)
        rounded = min(-(-longest // multiple) * multiple, self._info.max_positions)
        shape = (len(encoded), max(longest, rounded))
        input_ids = np.full(shape, self._info.pad_id, dtype=np.int64)
        token_type_ids = np.full(shape, self._info.pad_type_id, dtype=np.int64)
        attention_mask = np.zeros(shape, dtype=np.int64)
        for row, text in enumerate(encoded):
            length = len(text.input_ids)
            input_ids[row, :length] = text.input_ids
            token_type_ids[row, :length] = text.token_type_ids
            attention_mask[row, :length] = 1
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
        }

    def special_id(self, role: str) -> int | None:
        """Id of the token that plays a role, such as `mask_token`; None where there is none."""
        token = self._info.special_tokens.get(role)
        return None if token is None else self.id_of(token)

    def id_of(self, token: str) -> int | None:
        """Id of a token as the vocabulary spells it."""
        return self._tokenizer.id_of(token)

    def spelling(self, id_: int) -> str:
        """How the vocabulary spells a token."""
        return self._tokenizer.spelling(id_)

    def ids_of(self, text: str) -> list[int]:
        """Ids of a text alone, without special tokens.

        Raises:
            InputError: it cannot be tokenized.
        """
        return self._tokenizer.ids_of(text)

    def decode(self, ids: Sequence[int], *, skip_specials: bool) -> str:
        """The text that ids stand for."""
        return self._tokenizer.decode(ids, skip_specials=skip_specials)

    def _encode_batch(
        self, items: Sequence[Item], numbers: Sequence[int], first: int
    ) -> Sequence[Any]:
        """What the Rust tokenizer makes of items.

        Raises:
            InputError: it fails on one, which has its number.
        """
        number = first + (numbers[0] if numbers else 0)
        try:
            return self._tokenizer.encode_batch(items, f"item {number}")
        except InputError:
            if len(items) == 1:
                raise
        each = zip(numbers, items, strict=True)
        return [self._encode_batch([item], [at], first)[0] for at, item in each]

    def _never_empty(self, encoded: EncodedText) -> EncodedText:
        """A text without any token as one padding token: a graph runs no row of length 0."""
        if len(encoded.input_ids):
            return encoded
        info = self._info
        return EncodedText(input_ids=[info.pad_id], token_type_ids=[info.pad_type_id], tokens=0)

    @cached_property
    def _probe(self) -> str:
        """A text that has a token.

        Raises:
            TokenizerError: the vocabulary has none.
        """
        known = (self.decode([at], skip_specials=True) for at in range(self._tokenizer.vocabulary))
        for text in chain([PROBE], known):
            with suppress(InputError):
                if self.ids_of(text):
                    return text
        raise TokenizerError(
            "the tokenizer makes no token of any text of its own vocabulary; export the model again"
        )

    def _cut(self, encoding: Any) -> EncodedText:
        """An encoding without what exceeds the limit."""
        ids, types = encoding.ids, encoding.type_ids
        if len(ids) <= self.limit:
            return EncodedText(input_ids=ids, token_type_ids=types, tokens=len(ids))
        sources = encoding.sequence_ids
        room = room_in(self.limit, sources.count(None))
        first, second = longest_first(sources.count(0), sources.count(1), room)
        kept = kept_positions(sources, {0: range(first), 1: range(second)})
        return EncodedText(
            input_ids=[ids[at] for at in kept],
            token_type_ids=[types[at] for at in kept],
            tokens=len(ids),
        )

    def _encode_slices(self, number: int, strings: Sequence[str]) -> EncodedText:
        """A huge text, or two, cut to the limit, their tokens counted to the end."""
        template = self._template(len(strings))
        room = room_in(self.limit, added_tokens(template))
        every = [self._content(string) for string in strings]
        try:
            heads = [array("q", islice(content, room)) for content in every]
            lengths = [
                len(head) + sum(1 for _ in rest) for head, rest in zip(heads, every, strict=True)
            ]
        except InputError as error:
            raise InputError(f"item {number}: {error}") from error
        kept = longest_first(lengths[0], sum(lengths[1:]), room)
        parts = [head[:length] for head, length in zip(heads, kept, strict=False)]
        return fill_template(template, parts, left_out=sum(lengths) - sum(map(len, parts)))

    def _slices(self, text: str) -> Iterator[str]:
        return slices(text, self.ids_of, self.SLICE_CHARACTERS)

    def _content(self, text: str) -> Iterator[int]:
        """Ids of a text of any length, without special tokens, in little memory."""
        for part in self._slices(text):
            yield from self.ids_of(part)

    def _template(self, count: int) -> list[TemplatePiece]:
        """What so many texts become, one or two."""
        encoding = self._tokenizer.encode(self._probe, self._probe if count > 1 else None)
        slots = map(TemplatePiece, encoding.sequence_ids, encoding.ids, encoding.type_ids)
        seen: set[int | None] = set()
        found: list[TemplatePiece] = []
        for slot in slots:
            if slot.source is None or slot.source not in seen:
                found.append(slot)
            seen.add(slot.source)
        return found


PROBE: Final = "a"
"""A text that has tokens in most vocabularies."""
