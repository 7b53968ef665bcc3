"""Labels for texts and pairs of texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebert_runtime.tasks.asynchronous import asynchronous
from edgebert_runtime.tasks.base import Floats, TaskModel, require_list, require_top_k
from edgebert_runtime.tasks.scores import ACTIVATIONS


@dataclass(frozen=True, kw_only=True)
class LabelScore:
    """One label and its score."""

    label: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What a text was classified as.

    Attributes:
        best: the label with the highest score, whatever was asked for.
        scores: labels by falling score, as many as asked for.
        activation: what made scores of logits: `softmax` (they sum to 1), `sigmoid` (each from 0
            to 1 by itself) or `none` (raw values of a regression).
    """

    best: LabelScore
    scores: tuple[LabelScore, ...]
    activation: str


class Classifier(TaskModel):
    """Gives texts labels; made by `load`."""

    def _prepare(self) -> None:
        self._head = self._require_head("softmax", "sigmoid", "none")
        self._require_labels()

    def classify(
        self,
        texts: Sequence[str | tuple[str, str]],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> list[Classification]:
        """Classify texts, in the order given.

        Args:
            texts: strings, or pairs of them for a model of pairs. Longer ones than the bundle's
                limit are cut, of a pair the longer first, with one `TruncationWarning` a call.
            top_k: how many labels at most; None keeps all.
            threshold: keep labels that score at least this; None keeps all.

        Returns:
            One classification a text; scores equal those of transformers' text-classification
            pipeline with `top_k=None` (5.23, pipelines/text_classification.py).

        Raises:
            InputError: `texts` is one string, an item is neither a string nor two of them or is
                not text, or `top_k` is below 1.
        """
        require_list("classify", texts)
        require_top_k(top_k)
        rows = self._run_all(self._tokenizer.encode_items(texts))
        found = [self._classification(logits, top_k, threshold) for (logits,) in rows]
        self._warn_if_truncated()
        return found

    aclassify = asynchronous(classify)

    def _classification(
        self, logits: Floats, top_k: int | None, threshold: float | None
    ) -> Classification:
        scores = ACTIVATIONS[self._head.activation](logits)
        best = self._label_score(scores, int(scores.argmax()))
        kept = select_labels(scores, top_k, threshold)
        return Classification(
            best=best,
            scores=tuple(self._label_score(scores, label) for label in kept),
            activation=self._head.activation,
        )

    def _label_score(self, scores: Floats, label: int) -> LabelScore:
        return LabelScore(label=self._head.labels[label], score=float(scores[label]))


def select_labels(scores: Floats, top_k: int | None, threshold: float | None) -> list[int]:
    """Indices by falling score, equal ones in the order of the labels.

    Args:
        scores: (labels,)
        top_k: how many at most; None is all.
        threshold: the lowest score to keep, compared in float32 as 0.7 is no float32.
    """
    order = np.argsort(-scores, kind="stable")
    if threshold is not None:
        order = order[scores[order] >= np.float32(threshold)]
    return [int(index) for index in order[:top_k]]
