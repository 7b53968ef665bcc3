"""Metrics, from scikit-learn where it has them."""

import importlib.util
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.postprocessing.spans import Span, TokenTags, find_spans

Numbers = NDArray[Any]

NumberedEntity = tuple[int, Span]
"""The number of its text, and the entity."""

COUNT: Final = "count"
"""How often the data have a label."""

BY_LABEL: Final = ("precision", "recall", "f1", COUNT)

OUTSIDE: Final = "O"
ARTICLES: Final = re.compile(r"\b(a|an|the)\b")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a validation found.

    Attributes:
        values: metric to value.
        confusion: texts by true label (rows) and label found (columns); empty for other tasks.
        by_label: label to its metrics, and how often the data have it as `COUNT`; empty for tasks
            without labels. Of BIO tags, labels of entities without their prefix.
    """

    values: Mapping[str, float]
    confusion: tuple[tuple[int, ...], ...] = ()
    by_label: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def require_scikit_learn() -> None:
    """Check before the training that metrics can be computed.

    Raises:
        ConfigError: scikit-learn is not installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise ConfigError("validation needs scikit-learn; install: pip install 'edgebert[train]'")


def single_label_scores(targets: Numbers, logits: Numbers, names: Sequence[str] = ()) -> Scores:
    """Accuracy; precision, recall and F1 averaged over labels; ROC AUC; and the confusion.

    With the labels' names, each label's precision, recall and F1 too.

    ROC AUC is left out where the targets do not have all labels.

    Shapes: targets (rows,), int; logits (rows, labels).
    """
    from sklearn import metrics

    labels = np.arange(logits.shape[1])
    found = logits.argmax(axis=1)
    values = {
        "accuracy": float(metrics.accuracy_score(targets, found)),
        **_averaged(targets, found, labels=labels, average="macro"),
    }
    if set(targets.tolist()) == set(labels.tolist()):
        values["roc_auc"] = _roc_auc(targets, softmax(logits))
    matrix = metrics.confusion_matrix(targets, found, labels=labels)
    return Scores(
        values=values,
        confusion=tuple(map(tuple, matrix.tolist())),
        by_label=_by_label(names, targets, found, labels=labels),
    )


def multi_label_scores(targets: Numbers, logits: Numbers, names: Sequence[str] = ()) -> Scores:
    """Accuracy of whole rows; precision, recall and F1 over all answers; ROC AUC by label.

    With the labels' names, each label's precision, recall and F1 too.

    A label is found where its probability is at least a half. Labels that all or no rows have are
    left out of ROC AUC.

    Shapes: both (rows, labels); targets of 0 and 1.
    """
    from sklearn import metrics

    found = (logits >= 0).astype(int)
    values = {
        "accuracy": float(metrics.accuracy_score(targets, found)),
        **_averaged(targets, found, average="micro"),
    }
    varied = targets.min(axis=0) < targets.max(axis=0)
    if varied.any():
        values["roc_auc"] = float(metrics.roc_auc_score(targets[:, varied], logits[:, varied]))
    return Scores(values=values, by_label=_by_label(names, targets, found))


def regression_scores(targets: Numbers, found: Numbers) -> Scores:
    """Spearman's correlation and the mean absolute error. Shapes: both (rows,)."""
    from sklearn import metrics

    error = float(metrics.mean_absolute_error(targets, found))
    return Scores(values={"spearman": spearman(targets, found), "mean_absolute_error": error})


def similarity_scores(targets: Numbers, cosines: Numbers) -> Scores:
    """Spearman's correlation of cosines with people's scores. Shapes: both (rows,)."""
    return Scores(values={"spearman": spearman(targets, cosines)})


def ranking_scores(targets: Numbers, logits: Numbers) -> Scores:
    """ROC AUC, and accuracy at a probability of a half. Shapes: both (rows,); targets 0 and 1.

    Raises:
        InputError: the targets are all alike, so that there is no order to find.
    """
    from sklearn import metrics

    if len(set(targets.tolist())) < 2:
        raise InputError("the validation data have one label only, expected rows with 0 and with 1")
    accuracy = float(metrics.accuracy_score(targets, logits >= 0))
    return Scores(
        values={"roc_auc": float(metrics.roc_auc_score(targets, logits)), "accuracy": accuracy},
        by_label=_by_label(("0", "1"), targets.astype(int), (logits >= 0).astype(int)),
    )


def tagging_scores(expected: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> Scores:
    """Accuracy of words; precision, recall and F1 of entities, or of words where labels are plain.

    An entity is right if its label and both its ends are (Tjong Kim Sang & De Meulder 2003,
    section 2.5).
    """
    from sklearn import metrics

    flat = [label for line in expected for label in line]
    said = [label for line in found for label in line]
    accuracy = float(metrics.accuracy_score(flat, said))
    if any(label.startswith(("B-", "I-")) for label in flat):
        there, here = _numbered_entities(expected), _numbered_entities(found)
        values = {"accuracy": accuracy, **_entity_scores(there, here)}
        return Scores(values=values, by_label=_entity_scores_by_label(there, here))
    inside = sorted({*flat, *said} - {OUTSIDE})
    return Scores(
        values={"accuracy": accuracy, **_averaged(flat, said, labels=inside, average="micro")},
        by_label=_by_label(inside, flat, said, labels=inside),
    )


def entities_of(labels: Sequence[str]) -> list[Span]:
    """The entities that BIO labels of words mean, as the runtime joins them.

    An `I-` that continues nothing begins an entity. `start` and `end` count words.
    """
    names = sorted(set(labels))
    tags = TokenTags(
        offsets=[(word, word + 1) for word in range(len(labels))],
        scores=np.eye(len(names), dtype=np.float32)[[names.index(label) for label in labels]],
        continues=[False] * len(labels),
    )
    return [span for span in find_spans(tags, names, "simple") if span.label != OUTSIDE]


def answer_scores(expected: Sequence[str], found: Sequence[str]) -> Scores:
    """Exact match and F1 of words (Rajpurkar et al. 2016, section 6.1)."""
    pairs = [(plain(right), plain(said)) for right, said in zip(expected, found, strict=True)]
    kinds = {
        "answer": [pair for pair in pairs if pair[0]],
        "no answer": [pair for pair in pairs if not pair[0]],
    }
    by_kind = {
        kind: {**_answer_values(those), COUNT: float(len(those))}
        for kind, those in kinds.items()
        if those
    }
    return Scores(values=_answer_values(pairs), by_label=by_kind)


def _answer_values(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Metrics of pairs of a right answer and what was found."""
    return {
        "exact_match": float(np.mean([right == said for right, said in pairs])),
        "f1": float(np.mean([_word_f1(right.split(), said.split()) for right, said in pairs])),
    }


def plain(answer: str) -> str:
    """Lower case, without punctuation, English articles and further spaces."""
    bare = answer.lower().translate(str.maketrans("", "", string.punctuation))
    return " ".join(ARTICLES.sub(" ", bare).split())


def spearman(first: Numbers, second: Numbers) -> float:
    """Spearman's rank correlation; 0 where one side is constant. Shapes: both (rows,)."""
    from scipy import stats

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(stats.spearmanr(first, second).statistic)


def _averaged(targets: Any, found: Any, **options: Any) -> dict[str, float]:
    """Macro average; a ratio with a denominator of 0 is 0."""
    from sklearn import metrics

    values = metrics.precision_recall_fscore_support(targets, found, zero_division=0.0, **options)
    return {name: float(values[index]) for index, name in enumerate(("precision", "recall", "f1"))}


def _roc_auc(targets: Numbers, probabilities: Numbers) -> float:
    from sklearn import metrics

    if probabilities.shape[1] == 2:
        return float(metrics.roc_auc_score(targets, probabilities[:, 1]))
    return float(metrics.roc_auc_score(targets, probabilities, multi_class="ovr"))


def _by_label(
    names: Sequence[str], targets: Any, found: Any, **options: Any
) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and count of each label; nothing where labels have no names."""
    from sklearn import metrics

    if not names:
        return {}
    columns = metrics.precision_recall_fscore_support(
        targets, found, zero_division=0.0, average=None, **options
    )
    return {
        name: dict(zip(BY_LABEL, map(float, numbers), strict=True))
        for name, numbers in zip(names, zip(*columns, strict=True), strict=True)
    }


def _entity_scores_by_label(
    there: set[NumberedEntity], said: set[NumberedEntity]
) -> dict[str, dict[str, float]]:
    """The same for entities."""
    by_label = {}
    for name in sorted({entity.label for _, entity in there | said}):
        mine, theirs = (
            {each for each in found if each[1].label == name} for found in (there, said)
        )
        by_label[name] = {**_entity_scores(mine, theirs), COUNT: float(len(mine))}
    return by_label


def _entity_scores(there: set[NumberedEntity], said: set[NumberedEntity]) -> dict[str, float]:
    right = len(there & said)
    precision = right / len(said) if said else 0.0
    recall = right / len(there) if there else 0.0
    f1 = 2 * right / (len(said) + len(there)) if said or there else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def _numbered_entities(lines: Sequence[Sequence[str]]) -> set[NumberedEntity]:
    return {(number, entity) for number, line in enumerate(lines) for entity in entities_of(line)}


def _word_f1(expected: list[str], found: list[str]) -> float:
    if not expected or not found:
        return float(expected == found)
    shared = sum((Counter(expected) & Counter(found)).values())
    return 2 * shared / (len(expected) + len(found))
