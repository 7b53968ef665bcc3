"""Texts to token ids and batches of them, as the runtime will see them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from edgebert.checkpoints.tokenizer.read import TokenizerFiles

Text = str | tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """One text or pair as tokens.

    Attributes:
        ids, types: (sequence,), special tokens included, cut to the limit.
        offsets: (sequence,), characters of the text that each token stands for.
        parts: (sequence,), 0 or 1 for the text a token is of, None for special ones.
        cut: whether the text was longer than the limit.
    """

    ids: Sequence[int]
    types: Sequence[int]
    offsets: Sequence[tuple[int, int]]
    parts: Sequence[int | None]
    cut: bool


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a model is called with; (batch, sequence), int64 each."""

    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor | None

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """In the order of a model's `forward`."""
        types = () if self.token_type_ids is None else (self.token_type_ids,)
        return (self.input_ids, self.attention_mask, *types)

    def replaced(self, input_ids: Tensor) -> "Inputs":
        """The same with other tokens."""
        return replace(self, input_ids=input_ids)

    def to(self, device: torch.device) -> "Inputs":
        """The same on a device."""
        types = self.token_type_ids
        return Inputs(
            input_ids=self.input_ids.to(device),
            attention_mask=self.attention_mask.to(device),
            token_type_ids=None if types is None else types.to(device),
        )


class TextEncoder:
    """A checkpoint's tokenizer with a limit.

    Args:
        files: the tokenizer; its `max_length` is the limit.
        segments: whether the model tells the texts of a pair apart by `token_type_ids`.
    """

    def __init__(self, files: TokenizerFiles, *, segments: bool) -> None:
        self.files = files
        self._tokenizer = Tokenizer.from_str(files.json)
        self._tokenizer.no_padding()
        self._segments = segments

    def encode(self, texts: Sequence[Text], *, keep_first: bool = False) -> list[Encoded]:
        """Encode texts or pairs.

        Args:
            texts: what to encode.
            keep_first: of a pair too long, cut only the second text; there must be room for some
                of it. Else the longer one is cut.
        """
        strategy = "only_second" if keep_first else "longest_first"
        self._tokenizer.enable_truncation(self.files.max_length, strategy=strategy)
        return [_encoded(encoding) for encoding in self._tokenizer.encode_batch(list(texts))]

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut and without special ones."""
        self._tokenizer.no_truncation()
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def added(self, *, pair: bool) -> int:
        """How many special tokens a text or a pair gets."""
        return int(self._tokenizer.num_special_tokens_to_add(is_pair=pair))

    def pad(self, rows: Sequence[Encoded]) -> Inputs:
        """Lay rows out as one batch, padded right to the longest."""
        length = max(len(row.ids) for row in rows)
        files = self.files
        mask = [[1] * len(row.ids) for row in rows]
        types = padded([row.types for row in rows], length, files.pad_type_id)
        return Inputs(
            input_ids=padded([row.ids for row in rows], length, files.pad_id),
            attention_mask=padded(mask, length, 0),
            token_type_ids=types if self._segments else None,
        )

    def token_ids(self) -> dict[str, int]:
        """Every token of the vocabulary."""
        return dict(self._tokenizer.get_vocab(with_added_tokens=True))

    def special_ids(self) -> set[int]:
        """Tokens with a role, marked special, or put around a pair: no part of any text."""
        ids = self.token_ids()
        self._tokenizer.no_truncation()
        pair = self._tokenizer.encode("", "")
        marked = self._tokenizer.get_added_tokens_decoder().items()
        return {
            *(ids[token] for token in self.files.special_tokens.values()),
            *(number for number, token in marked if token.special),
            *pair.ids,
        }


def padded(rows: Sequence[Sequence[int]], length: int, fill: int) -> Tensor:
    """Rows of numbers as one tensor, (rows, length), int64."""
    return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])


def _encoded(encoding: Encoding) -> Encoded:
    return Encoded(
        ids=encoding.ids,
        types=encoding.type_ids,
        offsets=encoding.offsets,
        parts=encoding.sequence_ids,
        cut=bool(encoding.overflowing),
    )
