"""Texts to token ids, through the Rust tokenizer the bundle carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgebert_runtime import forking as forking  # what it registers is all it is for
from edgebert_runtime.errors import InputError, TokenizerError
from edgebert_runtime.manifest import TokenizerInfo

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


class TextTokenizer:
    """A bundle's tokenizer with the bundle's limit.

    Args:
        path: `tokenizer.json`.
        info: the manifest's settings.
        whole: never cut, for callers that slide a window.

    Raises:
        TokenizerError: `tokenizer.json` cannot be read.
    """

    def __init__(self, path: Path, info: TokenizerInfo, *, whole: bool = False) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust side raises bare Exception
            raise TokenizerError(
                f"{path} cannot be read: {error}; export the model again"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        if not whole:
            self._tokenizer.enable_truncation(info.max_length, strategy="longest_first")
        self._specials = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self._info = info

    @property
    def marks_subwords(self) -> bool:
        """Whether a piece that continues a word shows it by a prefix, as WordPiece's `##`."""
        return bool(getattr(self._tokenizer.model, "continuing_subword_prefix", None))

    def encode(self, texts: Sequence[str], prefix: str = "") -> list[EncodedText]:
        """Encode texts, `prefix` before each, cut to `max_length` tokens.

        Raises:
            InputError: an item is not a string or holds a lone surrogate; the index is named.
        """
        for index, text in enumerate(texts):
            check_text(f"item {index}", text)
        return [
            EncodedText(
                input_ids=encoding.ids,
                token_type_ids=encoding.type_ids,
                tokens=self._tokens_of_one(encoding),
            )
            for encoding in self._tokenizer.encode_batch([prefix + text for text in texts])
        ]

    def encode_items(self, items: Sequence[Item]) -> list[EncodedText]:
        """Encode texts and pairs, cut to `max_length` tokens; of a pair, the longer loses first.

        Raises:
            InputError: an item is neither a string nor two of them, or holds a lone surrogate.
        """
        return [
            EncodedText(
                input_ids=encoding.ids,
                token_type_ids=encoding.type_ids,
                tokens=self._tokens(encoding, item),
            )
            for item, encoding in self._encodings(items)
        ]

    def align(self, items: Sequence[Item]) -> "list[AlignedText]":
        """Like `encode_items`, with the place of every token.

        Raises:
            InputError: as in `encode_items`.
        """
        from edgebert_runtime.alignment import AlignedText  # most tasks start without

        return [
            AlignedText(
                input_ids=encoding.ids,
                token_type_ids=encoding.type_ids,
                tokens=self._tokens(encoding, item),
                pieces=encoding.tokens,
                offsets=encoding.offsets,
                words=encoding.word_ids,
                sources=encoding.sequence_ids,
            )
            for item, encoding in self._encodings(items)
        ]

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

    def _encodings(self, items: Sequence[Item]) -> list[tuple[Item, Any]]:
        checked = [_checked(f"item {index}", item) for index, item in enumerate(items)]
        return list(zip(checked, self._tokenizer.encode_batch(checked), strict=True))

    def _tokens(self, encoding: Any, item: Item) -> int:
        if isinstance(item, str) or not encoding.overflowing:
            return self._tokens_of_one(encoding)
        # What overflows from a pair is every combination of both texts' pieces: count anew.
        parts = self._tokenizer.encode_batch(list(item), add_special_tokens=False)
        pieces = [piece for part in parts for piece in (part, *part.overflowing)]
        specials: int = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        return specials + sum(len(piece.ids) for piece in pieces)

    def _tokens_of_one(self, encoding: Any) -> int:
        rest = sum(len(piece.ids) - self._specials for piece in encoding.overflowing)
        return len(encoding.ids) + rest


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


def _checked(name: str, item: object) -> Item:
    if not isinstance(item, tuple | list):
        return check_text(name, item)
    if len(item) != 2:
        raise InputError(f"{name} holds {len(item)} texts, expected a string or a pair of strings")
    first, second = (check_text(f"{name}[{at}]", text) for at, text in enumerate(item))
    return first, second
