"""Base classes of all objectives."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from edgebert.training.data.encoding import Inputs, TextEncoder
from edgebert.training.metrics import Scores
from edgebert_runtime.tokenization.encoding import EncodedText

Row = TypeVar("Row", bound=EncodedText)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch of the data.

    Attributes:
        rows: their numbers.
        inputs: what the model is called with, once or, for pairs of vectors, twice.
        targets: what it should say, as the objective's losses take it.
        counts: for each loss, how many things it sums over.
    """

    rows: tuple[int, ...]
    inputs: tuple[Inputs, ...]
    targets: tuple[Tensor, ...]
    counts: tuple[int, ...]

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return Batch(
            rows=self.rows,
            inputs=tuple(inputs.to(device) for inputs in self.inputs),
            targets=tuple(target.to(device) for target in self.targets),
            counts=self.counts,
        )


class Objective(ABC):
    """Data of one task, encoded, with its losses and metrics.

    Attributes:
        monitor: the metric by which a validation is better; `loss` is better when lower.
        smallest_batch: rows that a batch needs, so that there is something to learn.
        examples: rows there are.
        lengths: of each row, in tokens.
        truncated: texts that were longer than the limit.
        left_out: rows of the file that could not be used.
    """

    monitor: ClassVar[str]
    smallest_batch: ClassVar[int] = 1
    examples: int
    lengths: Sequence[int]
    truncated: int = 0
    left_out: int = 0

    @abstractmethod
    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Batch:
        """The rows of these numbers as one batch; `rng` gives all random numbers."""

    def outputs(self, model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        """The model's outputs for a batch."""
        found: tuple[Tensor, ...] = model(*batch.inputs[0].arguments)
        return found

    @abstractmethod
    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        """Each loss, summed over what `Batch.counts` counts; shape () each."""

    @abstractmethod
    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        """The predictions for a batch; `metrics` gets those of all rows, in order."""

    @abstractmethod
    def metrics(self, predictions: Sequence[Any]) -> Scores:
        """Metrics over all predictions."""


class EncodedRows(Objective, Generic[Row]):
    """Data of which each row is one input of the model."""

    def __init__(self, encoded: Sequence[Row], encoder: TextEncoder) -> None:
        self.examples = len(encoded)
        self.truncated = count_truncated(encoded)
        self.lengths = lengths_of(encoded)
        self._encoded, self._encoder = encoded, encoder

    def inputs(self, rows: Sequence[int]) -> Inputs:
        """The rows of these numbers as one batch."""
        return batch_inputs(rows, self._encoded, self._encoder)


def count_truncated(rows: Sequence[EncodedText]) -> int:
    """How many were longer than the limit."""
    return sum(row.tokens > len(row.input_ids) for row in rows)


def lengths_of(rows: Sequence[EncodedText]) -> list[int]:
    """How many tokens each has."""
    return [len(row.input_ids) for row in rows]


def batch_inputs(
    rows: Sequence[int], encoded: Sequence[EncodedText], encoder: TextEncoder
) -> Inputs:
    """The rows of these numbers as one batch."""
    return encoder.pad([encoded[row] for row in rows])


def to_arrays(tensor: Tensor) -> list[Any]:
    """The rows of a tensor, as float32 arrays off the device."""
    return list(tensor.detach().float().cpu().numpy())
