"""Token classification: a label for each word (Devlin et al. 2019, section 5.3)."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from edgebert.training import losses
from edgebert.training.data.encoding import TextEncoder, padded
from edgebert.training.data.records import Tagged
from edgebert.training.metrics import Scores, tagging_scores
from edgebert.training.objectives.base import Batch, EncodedRows
from edgebert.training.objectives.classify import numbered
from edgebert_runtime.tokenization.offsets import AlignedText

OUTSIDE = "O"


class Tagging(EncodedRows[AlignedText]):
    """Cross-entropy on the first token of each word; the rest of a word is not counted.

    Words are joined by spaces, which is how the runtime will meet them.
    """

    monitor: ClassVar[str] = "f1"

    def __init__(
        self, records: Sequence[Tagged], encoder: TextEncoder, labels: tuple[str, ...]
    ) -> None:
        index = numbered(labels, {label for record in records for label in record.labels})
        texts = [" ".join(record.tokens) for record in records]
        super().__init__(encoder.align(texts), encoder)
        self._records = records
        self._labels = labels
        self._firsts = [
            first_tokens(record.tokens, text, encoded)
            for record, text, encoded in zip(records, texts, self._encoded, strict=True)
        ]
        self._targets = [
            _targets(record, encoded, firsts, index)
            for record, encoded, firsts in zip(records, self._encoded, self._firsts, strict=True)
        ]

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Batch:
        del rng
        inputs = self.inputs(rows)
        length = inputs.input_ids.shape[1]
        targets = padded([self._targets[row] for row in rows], length, losses.IGNORED)
        return Batch(
            rows=tuple(rows),
            inputs=(inputs,),
            targets=(targets,),
            counts=(int((targets != losses.IGNORED).sum()),),
        )

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        return (losses.cross_entropy(outputs[0], batch.targets[0]),)

    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        """A label for each word; words that were cut off get none, which counts as `O`."""
        best = outputs[0].argmax(dim=-1).tolist()
        return [self._said(row, line) for row, line in zip(batch.rows, best, strict=True)]

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return tagging_scores([record.labels for record in self._records], predictions)

    def _said(self, row: int, line: list[int]) -> tuple[str, ...]:
        firsts = self._firsts[row]
        words = range(len(self._records[row].tokens))
        return tuple(
            self._labels[line[firsts[word]]] if word in firsts else OUTSIDE for word in words
        )


def first_tokens(words: Sequence[str], text: str, encoded: AlignedText) -> dict[int, int]:
    """Number of each word to the position of its first token; words cut off are left out."""
    word_at = [word for word, token in enumerate(words) for _ in f"{token} "]
    firsts: dict[int, int] = {}
    for position, (start, end) in enumerate(encoded.offsets):
        if encoded.sources[position] is None or start == end:
            continue
        span = text[start:end]  # of byte-level tokens it may begin with the space before
        blank = len(span) - len(span.lstrip())
        if blank < len(span):
            firsts.setdefault(word_at[start + blank], position)
    return firsts


def _targets(
    record: Tagged, encoded: AlignedText, firsts: dict[int, int], index: dict[str, int]
) -> list[int]:
    targets = [losses.IGNORED] * len(encoded.input_ids)
    for word, position in firsts.items():
        targets[position] = index[record.labels[word]]
    return targets
