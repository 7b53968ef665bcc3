"""Similarity of the outputs of two graphs, by the task of the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.postprocessing.activations import sigmoid, softmax

Outputs = Sequence[NDArray[np.float32]]
"""Outputs for a batch of one text: (1, …) each, in the order of `Comparison.outputs`."""


class SimilarityMetric(StrEnum):
    """A similarity between 0 and 1; 1 for equal outputs."""

    COSINE = "cosine"
    """Of sentence vectors."""
    SCORES = "scores"
    """1 − the total variation distance between the two score distributions.
    Independent labels (sigmoid) are compared one by one; raw scores as if they were logits of a
    sigmoid."""


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

    def measure(self, found: Outputs, reference: Outputs) -> float:
        """Similarity of one text's outputs, mean over tokens and outputs. NaN counts as 0."""
        pairs = zip(found, reference, strict=True)
        if self.metric is SimilarityMetric.COSINE:
            similarities = np.concatenate(
                [row_cosines(_mean(one), _mean(other)) for one, other in pairs]
            )
        else:
            similarities = np.concatenate(
                [score_similarity(*pair, self.activation) for pair in pairs]
            )
        return float(np.nan_to_num(similarities, nan=0.0).mean())


def comparison_of(manifest: Manifest) -> Comparison:
    """How outputs of a bundle's graphs are compared."""
    if manifest.embedding is not None:
        return Comparison(metric=SimilarityMetric.COSINE, outputs=("sentence_embedding",))
    return Comparison(
        metric=SimilarityMetric.SCORES,
        outputs=tuple(output.name for output in manifest.outputs),
        activation=manifest.head.activation if manifest.head else "softmax",
    )


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
