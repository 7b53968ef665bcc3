"""Texts to token ids and batches of them, by the runtime's own tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from edgebert.checkpoints.tokenizer.read import TokenizerFiles
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.tokenization.offsets import AlignedText
from edgebert_runtime.tokenization.sliding_window import kept_positions
from edgebert_runtime.tokenization.template import longest_first
from edgebert_runtime.tokenization.tokenizer import PROBE, TextTokenizer


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
    """A checkpoint's tokenizer, as the runtime will use it.

    Args:
        files: the tokenizer; its `max_length` is where texts are cut, in tokens.
        segments: whether the model tells the texts of a pair apart by `token_type_ids`.
    """

    def __init__(self, files: TokenizerFiles, *, segments: bool) -> None:
        self.files = files
        self._tokenizer = _opened(files)
        self._segments = segments

    def encode(self, items: Sequence[Item]) -> list[EncodedText]:
        """Encode texts or pairs, cut to the limit; of a pair, the longer loses tokens first."""
        return self._tokenizer.encode(items)

    def align(self, items: Sequence[Item]) -> list[AlignedText]:
        """As `encode`, with the offsets of each token."""
        return [self._cut(aligned) for aligned in self._tokenizer.align(items)]

    def align_first_windows(self, pairs: Sequence[tuple[str, str]]) -> list[AlignedText]:
        """Encode pairs of which only the second is cut; there must be room for some of it."""
        limit = self.files.max_length
        return [
            next(aligned.windows([range(aligned.room(limit))]))
            for aligned in self._tokenizer.align(pairs)
        ]

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut and without special ones."""
        return [count - self.added(pair=False) for count in self._tokenizer.count(texts)]

    def added(self, *, pair: bool) -> int:
        """The number of special tokens of a text or a pair."""
        (probe,) = self._tokenizer.align([(PROBE, PROBE) if pair else PROBE])
        return probe.sources.count(None)

    def pad(self, rows: Sequence[EncodedText]) -> Inputs:
        """Lay rows out as one batch, padded right to the longest."""
        found = {name: torch.from_numpy(each) for name, each in self._tokenizer.pad(rows).items()}
        types = found["token_type_ids"] if self._segments else None
        return Inputs(
            input_ids=found["input_ids"],
            attention_mask=found["attention_mask"],
            token_type_ids=types,
        )

    def _cut(self, aligned: AlignedText) -> AlignedText:
        sources = aligned.sources
        room = self.files.max_length - sources.count(None)
        first, second = longest_first(sources.count(0), sources.count(1), room)
        return aligned.take(kept_positions(sources, {0: range(first), 1: range(second)}))


def padded(rows: Sequence[Sequence[int]], length: int, fill: int) -> Tensor:
    """Rows of numbers as one tensor, (rows, length), int64."""
    return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])


def _opened(files: TokenizerFiles) -> TextTokenizer:
    info = files.info(max_length=files.max_length, max_positions=files.max_length)
    with TemporaryDirectory() as folder:  # the runtime's tokenizer is read from a file
        path = Path(folder) / info.file
        path.write_bytes(files.contents()[info.file])
        return TextTokenizer(path, info)
