"""Similarity of the outputs of two graphs, by the task of the model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.errors import QualityError
from edgebert_runtime.postprocessing.activations import sigmoid, softmax

Outputs = Sequence[NDArray[np.float32]]
"""Outputs for a batch of one text: (1, …) each, in the order of `Comparison.outputs`."""


class SimilarityMetric(StrEnum):
    """A similarity between 0 and 1; 1 for equal outputs."""

    COSINE = "cosine"
    """Of sentence vectors."""
    SCORES = "scores"
    """1 − the total variation distance between the two score distributions.
    Independent labels (sigmoid) are compared one by one."""
    VALUES = "values"
    """Of values without an activation, and of a single one: 1 − the difference over the spread of
    the reference, `SPREAD_DEVIATIONS` standard deviations over the texts."""


SPREAD_DEVIATIONS: Final = 4.0
"""Scores between 0 and 1 that are spread evenly have a standard deviation of 0.29. So a raw value
that is off by a share of its spread costs about as much as a score that is off by that share."""

MAGNITUDE: Final = 1 / 16
"""Share of the largest value that counts as spread, too: half precision rounds a value by a share
of its size, whatever the other texts' values are."""

CONSTANT: Final = 1 / 32
"""A spread below this share of the largest value tells no text from another."""


@dataclass(frozen=True, kw_only=True)
class QualityThreshold:
    """The least that is accepted.

    Attributes:
        mean: similarity over the texts.
        worst: similarity of the worst text.
        agreement: of the answers with those of fp32; None where none are compared.
    """

    mean: float
    worst: float
    agreement: float | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Which outputs of two graphs are compared, and how.

    Attributes:
        metric: of similarity.
        outputs: their names.
        activation: what makes scores of logits, `softmax`, `sigmoid` or `none`.
    """

    metric: SimilarityMetric
    outputs: tuple[str, ...]
    activation: str = "softmax"

    def similarities(self, pairs: Iterable[tuple[Outputs, Outputs]]) -> list[float]:
        """Similarity of the outputs of each text, mean over tokens and outputs. NaN counts as 0.

        Args:
            pairs: for each text the outputs of the graph and those of the reference.

        Raises:
            QualityError: nothing is compared: there is no text, no output or no number, or raw
                values of the reference are the same for every text.
        """
        texts = [
            [self._part(name, *pair) for name, *pair in zip(self.outputs, *each, strict=True)]
            for each in pairs
        ]
        if not texts or not self.outputs:
            raise QualityError(
                f"nothing is compared: {len(texts)} texts and {len(self.outputs)} outputs; give "
                "texts, and a graph that has a floating-point output"
            )
        columns = [
            self._column(name, list(parts))
            for name, parts in zip(self.outputs, zip(*texts, strict=True), strict=True)
        ]
        return [float(np.mean(each)) for each in zip(*columns, strict=True)]

    def _part(
        self, name: str, found: NDArray[np.float32], reference: NDArray[np.float32]
    ) -> "Part":
        """What is compared of one output for one text."""
        if found.shape != reference.shape or not found.size:
            raise QualityError(
                f"nothing is compared: output {name!r} has shape {found.shape}, that of the "
                f"reference {reference.shape}; both must be alike, and not empty"
            )
        if self.metric is SimilarityMetric.COSINE:
            return row_cosines(_mean(found), _mean(reference))
        raw = self.metric is SimilarityMetric.VALUES or found.ndim == 1 or found.shape[-1] == 1
        if raw:
            return RawValues(_rows(found), _rows(reference))
        return score_similarity(found, reference, self.activation)

    def _column(self, name: str, parts: Sequence["Part"]) -> list[float]:
        """Similarity of one output for each text."""
        raw = [part for part in parts if isinstance(part, RawValues)]
        if len(raw) == len(parts):
            return _raw_similarities(name, raw)
        # A text of one token has one score of a row of tokens, which is 1 whatever its logit is.
        return [1.0 if isinstance(part, RawValues) else _mean_similarity(part) for part in parts]


class RawValues(NamedTuple):
    """Values of one text that have no scale of their own: (rows, width) each."""

    found: NDArray[np.float64]
    reference: NDArray[np.float64]


Part = RawValues | NDArray[np.float64]
"""One output of one text: raw values, or similarities, one for each row or label."""


def comparison_of(manifest: Manifest) -> Comparison:
    """How outputs of a bundle's graphs are compared."""
    if manifest.task.embedding is not None:
        return Comparison(metric=SimilarityMetric.COSINE, outputs=("sentence_embedding",))
    activation = manifest.task.head.activation if manifest.task.head else "softmax"
    values = activation == "none" or all(
        output.shape[1:] == (1,) for output in manifest.task.outputs
    )
    return Comparison(
        metric=SimilarityMetric.VALUES if values else SimilarityMetric.SCORES,
        outputs=tuple(output.name for output in manifest.task.outputs),
        activation=activation,
    )


def _rows(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of one text: (1,) or (1, …, width) to (rows, width)."""
    rows: NDArray[np.float64] = values.reshape(-1, values.shape[-1]).astype(np.float64)
    return rows


def _mean_similarity(similarities: NDArray[np.float64]) -> float:
    return float(np.nan_to_num(similarities, nan=0.0).mean())


def _raw_similarities(name: str, texts: Sequence[RawValues]) -> list[float]:
    """1 − difference over spread, at least 0, mean over the values of each text."""
    every = np.concatenate([text.reference for text in texts])
    with np.errstate(invalid="ignore", over="ignore"):
        spread = SPREAD_DEVIATIONS * every.std(axis=0)
        largest = np.abs(every).max(axis=0)
        if (spread <= CONSTANT * largest).all():  # NaN is compared, and counts as 0
            raise QualityError(
                f"nothing is compared: output {name!r} of the fp32 graph hardly differs between "
                f"{len(texts)} texts: the spread is {spread.max():.2g}, the largest value "
                f"{largest.max():.2g}, and at least 1/32 of it is needed; is the head trained? If "
                "it is, give texts (--texts) with different answers"
            )
        scale = np.hypot(spread, MAGNITUDE * largest).clip(np.finfo(np.float64).tiny)
        return [
            _mean_similarity(np.maximum(0, 1 - np.abs(text.found - text.reference) / scale))
            for text in texts
        ]


def _mean(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of token vectors of one text, as a row. Shapes: (1, …, dimensions) to (1, dimensions)."""
    mean: NDArray[np.float32] = vectors.reshape(-1, vectors.shape[-1]).mean(axis=0, keepdims=True)
    return mean


def row_cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each pair of rows. Shapes: (rows, dimensions) twice to (rows,)."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosines: NDArray[np.float64] = (left * right).sum(axis=1) / np.maximum(norms, 1e-30)
    return cosines


def score_similarity(
    left: NDArray[np.float32], right: NDArray[np.float32], activation: str
) -> NDArray[np.float64]:
    """1 − total variation distance of the scores of logits.

    Shapes:
        left, right: (…, labels)
        returns: one for each row of labels, or for each label if labels are independent
    """
    width = left.shape[-1]
    rows = left.reshape(-1, width).astype(np.float64), right.reshape(-1, width).astype(np.float64)
    if activation == "softmax":
        distance = np.abs(softmax(rows[0]) - softmax(rows[1])).sum(axis=1) / 2
    else:
        distance = np.abs(sigmoid(rows[0]) - sigmoid(rows[1])).reshape(-1)
    similarities: NDArray[np.float64] = 1 - distance
    return similarities
