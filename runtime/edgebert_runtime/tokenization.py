"""Texts to token ids, through the Rust tokenizer the bundle carries."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgebert_runtime import forking as forking  # what it registers is all it is for
from edgebert_runtime.errors import InputError, TokenizerError
from edgebert_runtime.manifest import TokenizerInfo
from edgebert_runtime.slicing import SLICE_CHARACTERS, slices
from edgebert_runtime.windows import kept_positions, room_in, shared_tokens, slide

if TYPE_CHECKING:
    from edgebert_runtime.alignment import AlignedText

Item = str | tuple[str, str]
"""A text, or two that the model sees at once."""


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """One text, or a pair, as ids.

    Attributes:
        input_ids, token_type_ids: (sequence,), special tokens included, cut to the limit.
        tokens: how many tokens the whole text has, special tokens included.
    """

    input_ids: Sequence[int]
    token_type_ids: Sequence[int]
    tokens: int


class Specials(NamedTuple):
    """What stands before and after the tokens of a single text: ids and their types."""

    before: tuple[tuple[int, int], ...]
    after: tuple[tuple[int, int], ...]


class TextTokenizer:
    """A bundle's tokenizer with the bundle's limit.

    Args:
        path: `tokenizer.json`.
        info: the manifest's settings.

    Attributes:
        limit: the longest text in tokens, special tokens included.

    Raises:
        TokenizerError: `tokenizer.json` cannot be read.
    """

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
        huge = {
            at: text
            for at, text in enumerate(texts)
            if isinstance(text, str) and len(text) > SLICE_CHARACTERS
        }
        others = [text for at, text in enumerate(texts) if at not in huge]
        whole = iter(self._tokenizer.encode_batch(others))
        return [
            self._encode_slices(huge[at]) if at in huge else self._cut(next(whole))
            for at in range(len(texts))
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
        from edgebert_runtime.alignment import AlignedText  # most tasks start without

        checked = [check_item(f"item {first + at}", item) for at, item in enumerate(items)]
        heads = [
            next(slices(item, self.ids_of)) if head and isinstance(item, str) else item
            for item in checked
        ]
        return [
            AlignedText.of(encoding, None if part is item else self.count([item])[0])
            for item, part, encoding in zip(
                checked, heads, self._tokenizer.encode_batch(heads), strict=True
            )
        ]

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
        if isinstance(item, str):
            content = np.fromiter(self._content(item), np.int64)
            room = room_in(self.limit, len(self._specials.before) + len(self._specials.after))
            for part in slide(len(content), room, shared_tokens(self.limit, room, stride)):
                yield self._between(content[part.start : part.stop].tolist(), len(part))
            return
        (whole,) = self.align([item])
        yield from whole.windows(whole.parts(self.limit, stride))

    def pad(self, encoded: Sequence[EncodedText]) -> dict[str, NDArray[np.int64]]:
        """Lay texts out as one batch, padded right to the longest.

        Returns:
            input_ids, attention_mask, token_type_ids: each (batch, sequence), int64
        """
        shape = (len(encoded), max(len(text.input_ids) for text in encoded))
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

    def _encode_slices(self, text: str) -> EncodedText:
        """A huge text, cut to the limit, its tokens counted to the end."""
        room = self.limit - len(self._specials.before) - len(self._specials.after)
        content = self._content(text)
        kept = list(islice(content, room))
        return self._between(kept, len(kept) + sum(1 for _ in content))

    def _content(self, text: str) -> Iterator[int]:
        """Ids of a text of any length, without special tokens, in little memory."""
        for part in slices(text, self.ids_of):
            yield from self.ids_of(part)

    def _between(self, content: Sequence[int], count: int) -> EncodedText:
        """Content with the special tokens of a single text around it."""
        before, after = self._specials
        kind = self._content_type
        ids = [*(id_ for id_, _ in before), *content, *(id_ for id_, _ in after)]
        types = [
            *(type_ for _, type_ in before),
            *[kind] * len(content),
            *(type_ for _, type_ in after),
        ]
        return EncodedText(  # arrays, for the windows of a huge text are many
            input_ids=array("q", ids),
            token_type_ids=array("q", types),
            tokens=len(before) + count + len(after),
        )

    @cached_property
    def _specials(self) -> Specials:
        sources, marked = self._probe
        first, last = sources.index(0), len(sources) - 1 - sources[::-1].index(0)
        return Specials(tuple(marked[:first]), tuple(marked[last + 1 :]))

    @cached_property
    def _content_type(self) -> int:
        sources, marked = self._probe
        return marked[sources.index(0)][1]

    @cached_property
    def _probe(self) -> tuple[list[int | None], list[tuple[int, int]]]:
        """Of a short text: the source of each token, and its id and type."""
        encoding = self._tokenizer.encode(PROBE)
        return encoding.sequence_ids, list(zip(encoding.ids, encoding.type_ids, strict=True))


PROBE: Final = "a"
"""A text that has tokens in every vocabulary."""


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


def check_text(name: str, text: object) -> str:
    """The text, if the tokenizer can take it; `name` is what the message calls it.

    Raises:
        InputError: `text` is not a string, or holds a lone surrogate.
    """
    if not isinstance(text, str):
        raise InputError(f"{name} is {type(text).__name__}, expected str")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{name} holds a lone surrogate at character {error.start}, which is not text; "
            "replace it, for example with text.encode('utf-8', 'replace').decode('utf-8')"
        ) from error
    return text


def check_item(name: str, item: object) -> Item:
    """A text or a pair, if the tokenizer can take it.

    Raises:
        InputError: `item` is neither a string nor two of them, or holds a lone surrogate.
    """
    if not isinstance(item, tuple | list):
        return check_text(name, item)
    if len(item) != 2:
        raise InputError(f"{name} holds {len(item)} texts, expected a string or a pair of strings")
    first, second = (check_text(f"{name}[{at}]", text) for at, text in enumerate(item))
    return first, second
