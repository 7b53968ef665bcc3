"""Texts to token ids, through the Rust tokenizer the bundle carries."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgebert_runtime.bundle.manifest import TokenizerInfo
from edgebert_runtime.errors import TokenizerError
from edgebert_runtime.tokenization import (
    fork_safety as fork_safety,  # what it registers is all it is for
)
from edgebert_runtime.tokenization.chunking import SLICE_CHARACTERS, slices
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.items import Item, check_item, strings_of
from edgebert_runtime.tokenization.sliding_window import (
    kept_positions,
    room_in,
    shared_tokens,
    slide,
)

if TYPE_CHECKING:
    from edgebert_runtime.tokenization.offsets import AlignedText, Token


class TemplatePiece(NamedTuple):
    """Of what one or two texts become: a token that is added, or the place of a text's own.

    Attributes:
        source: the number of the text; None for a token that is added.
        id: of that token.
        type: of that token, or of all that the text has.
    """

    source: int | None
    id: int
    type: int


class TextTokenizer:
    """A bundle's tokenizer with the bundle's limit.

    Attributes:
        limit: the longest text in tokens, special tokens included.
        SLICE_CHARACTERS: the longest text in characters that is tokenized at once.

    Raises:
        TokenizerError: `tokenizer.json` cannot be read.
    """

    SLICE_CHARACTERS: ClassVar[int] = SLICE_CHARACTERS

    def __init__(self, path: Path, info: TokenizerInfo) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust side raises bare Exception
            raise TokenizerError(
                f"{path} cannot be read: {error}; export the model again"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()  # what is left out is for the caller to choose
        self._info = info
        self.limit = info.max_length

    def is_huge(self, text: str) -> bool:
        """Whether a text is so long that it is tokenized in slices."""
        return len(text) > self.SLICE_CHARACTERS

    @property
    def marks_subwords(self) -> bool:
        """Whether a piece that continues a word shows it by a prefix, as WordPiece's `##`."""
        return bool(getattr(self._tokenizer.model, "continuing_subword_prefix", None))

    def encode(self, items: Sequence[Item], first: int = 0, prefix: str = "") -> list[EncodedText]:
        """Encode texts and pairs, cut to the limit; of a pair, the longer loses first.

        Args:
            items: strings, or pairs of them.
            first: number of the first among the caller's items, for errors.
            prefix: put before each string.

        Raises:
            InputError: an item is neither a string nor two of them, or holds a lone surrogate.
        """
        checked = [check_item(f"item {first + at}", item) for at, item in enumerate(items)]
        texts = [prefix + item if isinstance(item, str) else item for item in checked]
        huge = [any(map(self.is_huge, strings_of(text))) for text in texts]
        others = [text for text, sliced in zip(texts, huge, strict=True) if not sliced]
        whole = iter(self._tokenizer.encode_batch(others))
        return [
            self._encode_slices(strings_of(text)) if sliced else self._cut(next(whole))
            for text, sliced in zip(texts, huge, strict=True)
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
        return [
            AlignedText.of(encoding, None if part is item else self.count([item])[0])
            for item, part, encoding in zip(
                checked, heads, self._tokenizer.encode_batch(heads), strict=True
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
        (template,) = self.align([(others[0], PROBE) if others else PROBE])
        yield from stream(template, self._tokens(last), window, stride)

    def overlap(self, window: int, stride: int | None) -> int:
        """How many tokens neighbouring windows over a long text share.

        Raises:
            ConfigError: a stride that a window has no room for.
        """
        (template,) = self.align([PROBE])
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
        room = room_in(self.limit, _added(template) + sum(map(len, others)))
        for part in slide(len(last), room, shared_tokens(self.limit, room, stride)):
            yield _filled(template, [*others, last[part.start : part.stop]])

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
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def ids_of(self, text: str) -> list[int]:
        """Ids of a text alone, without special tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int], *, skip_specials: bool) -> str:
        """The text that ids stand for."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=skip_specials)
        return text

    def _cut(self, encoding: Any) -> EncodedText:
        """An encoding without what exceeds the limit."""
        ids, types = encoding.ids, encoding.type_ids
        if len(ids) <= self.limit:
            return EncodedText(input_ids=ids, token_type_ids=types, tokens=len(ids))
        sources = encoding.sequence_ids
        room = self.limit - sources.count(None)
        first, second = longest_first(sources.count(0), sources.count(1), room)
        kept = kept_positions(sources, {0: range(first), 1: range(second)})
        return EncodedText(
            input_ids=[ids[at] for at in kept],
            token_type_ids=[types[at] for at in kept],
            tokens=len(ids),
        )

    def _encode_slices(self, strings: Sequence[str]) -> EncodedText:
        """A huge text, or two, cut to the limit, their tokens counted to the end."""
        template = self._template(len(strings))
        room = self.limit - _added(template)
        every = [self._content(string) for string in strings]
        heads = [array("q", islice(content, room)) for content in every]
        lengths = [
            len(head) + sum(1 for _ in rest) for head, rest in zip(heads, every, strict=True)
        ]
        kept = longest_first(lengths[0], sum(lengths[1:]), room)
        parts = [head[:length] for head, length in zip(heads, kept, strict=False)]
        return _filled(template, parts, left_out=sum(lengths) - sum(map(len, parts)))

    def _slices(self, text: str) -> Iterator[str]:
        return slices(text, self.ids_of, self.SLICE_CHARACTERS)

    def _content(self, text: str) -> Iterator[int]:
        """Ids of a text of any length, without special tokens, in little memory."""
        for part in self._slices(text):
            yield from self.ids_of(part)

    def _template(self, count: int) -> list[TemplatePiece]:
        """What so many texts become, one or two."""
        encoding = self._tokenizer.encode(PROBE, PROBE if count > 1 else None)
        slots = map(TemplatePiece, encoding.sequence_ids, encoding.ids, encoding.type_ids)
        seen: set[int | None] = set()
        found: list[TemplatePiece] = []
        for slot in slots:
            if slot.source is None or slot.source not in seen:
                found.append(slot)
            seen.add(slot.source)
        return found


PROBE: Final = "a"
"""A text that has tokens in every vocabulary."""


def _added(template: Sequence[TemplatePiece]) -> int:
    """How many tokens are added to the texts' own."""
    return sum(slot.source is None for slot in template)


def _filled(
    template: Sequence[TemplatePiece], contents: "Sequence[array[int]]", left_out: int = 0
) -> EncodedText:
    """Each text's tokens in its place; `left_out` are more that the whole has.

    Ids are arrays: the windows of a huge text are many.
    """
    ids, types = array("q"), array("q")
    for slot in template:
        part = array("q", [slot.id]) if slot.source is None else contents[slot.source]
        ids.extend(part)
        types.extend(array("q", [slot.type]) * len(part))
    return EncodedText(input_ids=ids, token_type_ids=types, tokens=len(ids) + left_out)


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens of each of two texts fit, where the longer one loses first.

    https://huggingface.co/docs/tokenizers/api/encode-inputs (strategy `longest_first`)
    """
    if first + second <= room:
        return first, second
    shorter = min(first, second)
    if shorter + shorter <= room:
        longer = room - shorter
        return (shorter, longer) if first <= second else (longer, shorter)
    half = room // 2
    return (half, room - half) if first <= second else (room - half, half)
