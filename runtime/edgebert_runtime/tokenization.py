"""Texts to token ids, through the Rust tokenizer the bundle carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from edgebert_runtime.errors import InputError, TokenizerError
from edgebert_runtime.manifest import TokenizerInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedText:
    """One text as ids.

    Attributes:
        input_ids, token_type_ids: (sequence,), special tokens included, cut to the limit.
        tokens: how many tokens the whole text has, special tokens included.
    """

    input_ids: Sequence[int]
    token_type_ids: Sequence[int]
    tokens: int


class TextTokenizer:
    """A bundle's tokenizer with the bundle's limit.

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
        self._tokenizer.enable_truncation(info.max_length)
        self._specials = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self._info = info

    def encode(self, texts: Sequence[str], prefix: str = "") -> list[EncodedText]:
        """Encode texts, `prefix` before each, cut to `max_length` tokens.

        Raises:
            InputError: an item is not a string or holds a lone surrogate; the index is named.
        """
        for index, text in enumerate(texts):
            _check_text(index, text)
        return [
            EncodedText(
                input_ids=encoding.ids,
                token_type_ids=encoding.type_ids,
                tokens=len(encoding.ids)
                + sum(len(rest.ids) - self._specials for rest in encoding.overflowing),
            )
            for encoding in self._tokenizer.encode_batch([prefix + text for text in texts])
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


def _check_text(index: int, text: object) -> None:
    if not isinstance(text, str):
        raise InputError(f"item {index} is {type(text).__name__}, expected str")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"item {index} holds a lone surrogate at character {error.start}, which is not text; "
            "replace it, for example with text.encode('utf-8', 'replace').decode('utf-8')"
        ) from error
