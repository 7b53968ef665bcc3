"""Training of embeddings: texts of the same meaning get similar vectors."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebert.training import losses
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.data.records import Positive, Scored
from edgebert.training.metrics import Scores, similarity_scores
from edgebert.training.objectives.base import (
    Batch,
    Objective,
    batch_inputs,
    count_truncated,
    lengths_of,
    to_arrays,
)


class _Pairs(Objective):
    """Pairs of texts, each encoded alone."""

    def __init__(self, pairs: Sequence[tuple[str, str]], encoder: TextEncoder) -> None:
        self.examples = len(pairs)
        self._encoder = encoder
        self._sides = [encoder.encode(side) for side in zip(*pairs, strict=True)]
        self.truncated = sum(map(count_truncated, self._sides))
        self.lengths = list(map(max, *map(lengths_of, self._sides)))

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Batch:
        del rng
        return Batch(
            rows=tuple(rows),
            inputs=tuple(batch_inputs(rows, side, self._encoder) for side in self._sides),
            targets=(),
            counts=self._counts(len(rows)),
        )

    def outputs(self, model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        """The vectors of either side, (batch, dimensions) each."""
        return tuple(model(*inputs.arguments)[1] for inputs in batch.inputs)

    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        """The cosine of each pair."""
        del batch
        first, second = outputs
        return to_arrays(functional.cosine_similarity(first, second, dim=-1))

    def _counts(self, rows: int) -> tuple[int, ...]:
        return (rows,)


class Contrast(_Pairs):
    """Contrastive loss with in-batch negatives: the other texts of a batch."""

    monitor: ClassVar[str] = "loss"
    smallest_batch: ClassVar[int] = 2

    def __init__(self, records: Sequence[Positive], encoder: TextEncoder) -> None:
        super().__init__([(record.text, record.positive) for record in records], encoder)

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        del batch
        return (losses.contrastive(*outputs),)

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return Scores(values={"cosine": float(np.mean(predictions))})


class Similarity(_Pairs):
    """For validation only: Spearman correlation of cosines and human scores."""

    monitor: ClassVar[str] = "spearman"

    def __init__(self, records: Sequence[Scored], encoder: TextEncoder) -> None:
        super().__init__([(record.text, record.pair) for record in records], encoder)
        self._scores = torch.tensor([record.score for record in records]).numpy()

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        del outputs, batch
        return ()

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return similarity_scores(self._scores, np.array(predictions))

    def _counts(self, rows: int) -> tuple[int, ...]:
        del rows
        return ()
