"""Labels for a text or a pair, and relevance of one text to another."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from edgebert.training import losses
from edgebert.training.config import Problem
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.data.records import LabelledText
from edgebert.training.metrics import (
    Scores,
    multi_label_scores,
    ranking_scores,
    regression_scores,
    single_label_scores,
)
from edgebert.training.objectives.base import Batch, EncodedRows, to_arrays
from edgebert_runtime.errors import InputError
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.items import Item


class _Texts(EncodedRows[EncodedText]):
    """Texts or pairs with one row of targets each."""

    def __init__(
        self, records: Sequence[LabelledText], encoder: TextEncoder, targets: Tensor
    ) -> None:
        texts: list[Item] = [
            record.text if record.pair is None else (record.text, record.pair) for record in records
        ]
        super().__init__(encoder.encode(texts), encoder)
        self.targets = targets

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Batch:
        del rng
        targets = self.targets[list(rows)]
        return Batch(
            rows=tuple(rows),
            inputs=(self.inputs(rows),),
            targets=(targets,),
            counts=(targets.numel(),),
        )

    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        """The logits of each row, (outputs,)."""
        del batch
        return to_arrays(outputs[0])


class SingleLabel(_Texts):
    """Softmax cross-entropy over labels of which each text has one."""

    monitor: ClassVar[str] = "accuracy"

    def __init__(
        self, records: Sequence[LabelledText], encoder: TextEncoder, labels: tuple[str, ...]
    ) -> None:
        index = numbered(labels, {label for record in records for label in record.labels})
        super().__init__(
            records, encoder, torch.tensor([index[record.labels[0]] for record in records])
        )
        self._labels = labels

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        return (losses.cross_entropy(outputs[0], batch.targets[0]),)

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return single_label_scores(self.targets.numpy(), np.stack(predictions), self._labels)


class MultiLabel(_Texts):
    """Binary cross-entropy over labels of which each text has any number."""

    monitor: ClassVar[str] = "f1"

    def __init__(
        self, records: Sequence[LabelledText], encoder: TextEncoder, labels: tuple[str, ...]
    ) -> None:
        index = numbered(labels, {label for record in records for label in record.labels})
        targets = torch.zeros(len(records), len(labels))
        for row, record in enumerate(records):
            targets[row, [index[label] for label in record.labels]] = 1.0
        super().__init__(records, encoder, targets)
        self._labels = labels

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        return (losses.binary_cross_entropy(outputs[0], batch.targets[0]),)

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return multi_label_scores(self.targets.numpy(), np.stack(predictions), self._labels)


class Regression(_Texts):
    """Squared error of one number."""

    monitor: ClassVar[str] = "spearman"

    def __init__(self, records: Sequence[LabelledText], encoder: TextEncoder) -> None:
        super().__init__(records, encoder, numbers(records))

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        return (losses.squared_error(outputs[0], batch.targets[0]),)

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return regression_scores(self.targets.numpy()[:, 0], np.stack(predictions)[:, 0])


class Ranking(_Texts):
    """Binary cross-entropy on one logit of a pair (Nogueira & Cho 2019, section 3)."""

    monitor: ClassVar[str] = "roc_auc"

    def __init__(self, records: Sequence[LabelledText], encoder: TextEncoder) -> None:
        super().__init__(records, encoder, numbers(records))

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        return (losses.binary_cross_entropy(outputs[0], batch.targets[0]),)

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return ranking_scores(self.targets.numpy()[:, 0], np.stack(predictions)[:, 0])


PROBLEM_TYPES: Final = {
    Problem.SINGLE_LABEL: "single_label_classification",
    Problem.MULTI_LABEL: "multi_label_classification",
    Problem.REGRESSION: "regression",
}
"""transformers' words."""


def numbers(records: Sequence[LabelledText]) -> Tensor:
    """Each record's number, (records, 1), float."""
    return torch.tensor([[record.number] for record in records])


def numbered(labels: tuple[str, ...], found: set[str]) -> dict[str, int]:
    """Label to index.

    Raises:
        InputError: data have labels that are none of the model's.
    """
    index = {label: number for number, label in enumerate(labels)}
    strange = sorted(found - index.keys())
    if strange:
        raise InputError(
            f"the data have the labels {', '.join(map(repr, strange))}, expected some of "
            f"{', '.join(map(repr, labels))}; correct them, or train on all labels"
        )
    return index
