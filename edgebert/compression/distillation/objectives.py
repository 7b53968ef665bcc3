"""Texts without labels, a teacher that answers them, and how far a student is from it."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgebert.compression.answers import AnswerKind, Asked, Model, kind_of
from edgebert.compression.distillation.layer_losses import LayerLosses, Recorded
from edgebert.compression.distillation.losses import (
    DistilLosses,
    cosine_distance,
    divergence,
    score_error,
    similarity_error,
)
from edgebert.compression.distillation.matching import Matching
from edgebert.model.encoder import Encoder
from edgebert.model.heads import EncoderWithHead
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.data.masking import masker_of
from edgebert.training.losses import IGNORED
from edgebert.training.metrics import Scores, spearman
from edgebert.training.objectives.base import Batch, EncodedRows, to_arrays
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.items import Item

MOST_COMPARED: Final = 1000
"""Held-out texts whose similarities to each other are ranked; half a million pairs."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A model that is learnt from; it is not changed, and not part of a training's state.

    Attributes:
        model: in evaluation mode.
        matching: what the student's layers are compared with.
        losses: the weights.
        matryoshka: how many first numbers of a vector are compared, beside the whole.
    """

    model: Model
    matching: Matching
    losses: DistilLosses
    matryoshka: tuple[int, ...] = ()


class Distillation(EncodedRows[EncodedText]):
    """What a student answers to texts, compared with what its teacher does.

    A batch's outputs are the student's rows, states and attention, then those of the teacher.

    Attributes:
        weights: those of `DistilLosses` that count for its rows.

    Raises:
        ConfigError: no loss is left that counts.
    """

    weights: ClassVar[tuple[str, ...]]

    def __init__(self, items: Sequence[Item], encoder: TextEncoder, teacher: Teacher) -> None:
        super().__init__(encoder.encode(items), encoder)
        self._teacher = teacher
        self._kind: AnswerKind = kind_of(teacher.model)
        self._mask = masker_of(encoder) if _fills(teacher.model) else None
        self._layers = LayerLosses(teacher.matching, teacher.losses)
        if not self._layers and not any(getattr(teacher.losses, name) for name in self.weights):
            raise ConfigError(
                f"there is nothing to learn: the weights {', '.join(self.weights)} are 0, and "
                "neither hidden states nor attention are compared; give one of them a weight"
            )

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Batch:
        inputs = self.inputs(rows)
        asked = inputs.attention_mask.bool()
        if self._mask is not None:
            seen, expected = self._mask(inputs.input_ids, rng)
            inputs, asked = inputs.replaced(seen), expected != IGNORED
        tokens = int(inputs.attention_mask.sum())
        counts = (*self._counts(self._kind.rows(asked)), *self._layers.counts(tokens))
        return Batch(rows=tuple(rows), inputs=(inputs,), targets=(asked,), counts=counts)

    def outputs(self, model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        model.eval()  # without dropout: answers are learnt as they are, and nothing is overfitted
        rows, layers = self._answer(model, batch)
        student = (rows, *self._layers.of_student(layers))
        with torch.no_grad():
            rows, layers = self._answer(self._teacher.model.to(rows.device), batch)
        teacher = (rows, *self._layers.of_teacher(layers))
        return tuple(each.float() for each in (*student, *teacher))  # also under autocast

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        (mine, *layers), (theirs, *expected) = _halves(outputs)
        found = self._answer_losses(mine, theirs)
        return (*found, *self._layers.losses(layers, expected, batch.inputs[0].attention_mask))

    def _answer(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Recorded]:
        """The rows, and what is compared of layers."""
        assert isinstance(model, Model)
        assert isinstance(model.encoder, Encoder)
        with self._layers.recorded(model.encoder) as recorded:
            rows = self._kind.read(model, batch.inputs[0], batch.targets[0])
        return rows, recorded

    @abstractmethod
    def _counts(self, rows: int) -> tuple[int, ...]:
        """What the losses of `_answer_losses` count."""

    @abstractmethod
    def _answer_losses(self, mine: Tensor, theirs: Tensor) -> tuple[Tensor, ...]:
        """Of the rows, each with its weight."""


class Vectors(Distillation):
    """Cosine to the teacher's vectors, and the similarities between texts.

    Vectors of some first numbers have the teacher's first numbers as their goal, and the
    similarities of its whole vectors (as in Kusupati et al. 2022, where all sizes have one goal).
    """

    weights: ClassVar[tuple[str, ...]] = ("cosine", "similarity")
    monitor: ClassVar[str] = "spearman"

    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        del batch
        (mine, *_), (theirs, *_) = _halves(outputs)
        return list(zip(to_arrays(mine), to_arrays(theirs), strict=True))

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        mine, theirs = (np.stack(side) for side in zip(*predictions, strict=True))
        goal = _similarities(_unit(theirs))
        values = {}
        for size in (None, *self._teacher.matryoshka):
            end = "" if size is None else f"_{size}"
            found, expected = _unit(mine[:, :size]), _unit(theirs[:, :size])
            values[f"cosine{end}"] = float((found * expected).sum(axis=1).mean())
            values[f"spearman{end}"] = spearman(_similarities(found), goal)
        return Scores(values=values)

    def _counts(self, rows: int) -> tuple[int, ...]:
        return (rows, rows * (rows - 1))

    def _answer_losses(self, mine: Tensor, theirs: Tensor) -> tuple[Tensor, ...]:
        weights = self._teacher.losses
        sizes = (None, *self._teacher.matryoshka)
        distances = [cosine_distance(mine[:, :size], theirs[:, :size]) for size in sizes]
        errors = [similarity_error(mine[:, :size], theirs) for size in sizes]
        return (
            weights.cosine * torch.stack(distances).mean(),
            weights.similarity * torch.stack(errors).mean(),
        )


class Labels(Distillation):
    """Probabilities of labels, tokens or places; judged by how often the likeliest agree."""

    weights: ClassVar[tuple[str, ...]] = ("logits",)
    monitor: ClassVar[str] = "agreement"

    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        del batch
        (mine, *_), (theirs, *_) = _halves(outputs)
        return to_arrays(mine.argmax(dim=-1) == theirs.argmax(dim=-1))

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return Scores(values={"agreement": float(np.mean(predictions))})

    def _counts(self, rows: int) -> tuple[int, ...]:
        return (rows,)

    def _answer_losses(self, mine: Tensor, theirs: Tensor) -> tuple[Tensor, ...]:
        weights = self._teacher.losses
        return (weights.logits * divergence(mine, theirs, weights.temperature),)


class RawScores(Distillation):
    """Scores that are no shares of one: of regression, of relevance, of labels side by side."""

    weights: ClassVar[tuple[str, ...]] = ("logits",)
    monitor: ClassVar[str] = "spearman"

    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        del batch
        (mine, *_), (theirs, *_) = _halves(outputs)
        return list(zip(to_arrays(mine), to_arrays(theirs), strict=True))

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        mine, theirs = (np.stack(side) for side in zip(*predictions, strict=True))
        ranks = [spearman(*columns) for columns in zip(mine.T, theirs.T, strict=True)]
        error = float(np.abs(mine - theirs).mean())
        return Scores(values={"spearman": float(np.mean(ranks)), "mean_absolute_error": error})

    def _counts(self, rows: int) -> tuple[int, ...]:
        return (rows,)

    def _answer_losses(self, mine: Tensor, theirs: Tensor) -> tuple[Tensor, ...]:
        return (self._teacher.losses.logits * score_error(mine, theirs),)


def objective_of(model: Model, activation: str | None) -> type[Distillation]:
    """What a student is judged by.

    Args:
        model: the teacher.
        activation: that of its head; None for vectors.
    """
    if not isinstance(model, EncoderWithHead):
        return Vectors
    return Labels if activation == "softmax" else RawScores


def asked_batches(objective: Distillation, size: int, seed: int) -> list[Asked]:
    """All texts of an objective in batches; of masked tokens, the same ones for each seed."""
    rng = np.random.default_rng(seed)
    found: list[Asked] = []
    for start in range(0, objective.examples, size):
        batch = objective.batch(range(start, min(start + size, objective.examples)), rng)
        found.append((batch.inputs[0], batch.targets[0]))
    return found


def _fills(model: Model) -> bool:
    return isinstance(model, EncoderWithHead) and model.head.config.kind == "fill"


def _halves(outputs: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    half = len(outputs) // 2
    return outputs[:half], outputs[half:]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def _similarities(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cosine of each pair of the first rows, (pairs,)."""
    first = unit[:MOST_COMPARED]
    above: NDArray[np.float32] = (first @ first.T)[np.triu_indices(len(first), k=1)]
    return above
