"""Labels for texts and pairs of texts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, overload

import numpy as np

from edgebert_runtime.inference.arrays import Floats, logits
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import require_top_k
from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.postprocessing.activations import (
    ACTIVATIONS,
    Activation,
    require_activation,
)
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.postprocessing.window_aggregation import weighted_means
from edgebert_runtime.progress import ProgressOption
from edgebert_runtime.tasks.agreement import AgreementSpec, labels
from edgebert_runtime.tasks.base import RowOutputs, TaskModel, flatten
from edgebert_runtime.tasks.explainable import require_one_of
from edgebert_runtime.tasks.options import TaskOptions, option
from edgebert_runtime.tasks.spec import (
    CommandSpec,
    TaskProbe,
    TaskSpec,
    columns_of,
    constant_columns,
)
from edgebert_runtime.tokenization.encoding import EncodedItem
from edgebert_runtime.tokenization.items import Item
from edgebert_runtime.tokenization.sliding_window import Long

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.words import Shortened


@dataclass(frozen=True, kw_only=True)
class LabelScore(AsDict):
    """One label and its score.

    Attributes:
        label: the label's name, as the checkpoint has it.
        score: from 0 to 1; without an activation (a regression) any number.
    """

    label: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Classification(AsDict):
    """What a text was classified as.

    Attributes:
        best: the label with the highest score, whatever was asked for.
        scores: labels by falling score, as many as asked for.
        activation: from logits to scores; `softmax` (they sum to 1), `sigmoid` (each from 0 to 1
            by itself) or `none` (raw values of a regression).
    """

    best: LabelScore
    scores: tuple[LabelScore, ...]
    activation: str

    @property
    def label(self) -> str:
        """The label with the highest score."""
        return self.best.label

    @property
    def score(self) -> float:
        """The score of that label."""
        return self.best.score


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(TaskOptions):
    """Arguments of `Classifier.classify`, which explains them."""

    top_k: int | None = option(
        None, "give at most K labels for a text (default: all)", type=int, metavar="K"
    )
    threshold: float | None = option(
        None, "give labels with at least this score (default: all)", type=float, metavar="SCORE"
    )
    activation: Activation | None = option(None)


class Classifier(TaskModel[ClassifyOptions]):
    """Gives texts labels; made by `load`."""

    OPTIONS: ClassVar = ClassifyOptions
    GRAPH: ClassVar = logits("labels")

    def _prepare(self) -> None:
        self._head = self._require_head("softmax", "sigmoid", "none")
        self._require_labels()

    def check_options(self, options: ClassifyOptions) -> None:
        """Refuse a `top_k` below 1, and an unknown activation.

        Raises:
            InputError: it is below 1.
            ConfigError: the activation is unknown.
        """
        require_top_k(options.top_k)
        require_activation(options.activation)

    @overload
    def classify(
        self,
        texts: Iterator[Item],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        activation: Activation | None = None,
        long: Long = "truncate",
        stride: int | None = None,
        progress: ProgressOption = None,
    ) -> Iterator[Classification]: ...

    @overload
    def classify(
        self,
        texts: Sequence[Item],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        activation: Activation | None = None,
        long: Long = "truncate",
        stride: int | None = None,
        progress: ProgressOption = None,
    ) -> list[Classification]: ...

    def classify(
        self,
        texts: Any,
        *,
        top_k: int | None = None,
        threshold: float | None = None,
        activation: Activation | None = None,
        long: Long = "truncate",
        stride: int | None = None,
        progress: ProgressOption = None,
    ) -> Any:
        """Classify texts, in the order given.

        Args:
            texts: strings, or pairs for a model of pairs, which are tuples of two strings: a list,
                a column (numpy, pandas, Polars, Arrow), or an iterator, which is read as far as
                answers are taken.
            top_k: how many labels at most; None keeps all.
            threshold: keep labels that score at least this; None keeps all.
            activation: from logits to scores, `softmax`, `sigmoid` or `none`; None as the manifest
                says.
            long: what to do with texts beyond the bundle's limit: `truncate` cuts them, with one
                `TruncationWarning` a call; `error` refuses them; `window` runs them in windows
                and takes the mean of their logits, each as often as
                it has tokens; windows of a pair slide over its second text.
            stride: tokens that neighbouring windows share; None is half a window, at most 128.
            progress: as `predict` has it.

        Returns:
            One classification a text; scores equal those of transformers' text-classification
            pipeline with `top_k=None` (5.23, pipelines/text_classification.py). For an iterator an
            iterator.

        Raises:
            InputError: `texts` is one string, an item is neither a string nor two of them, is not
                text, or is too long and `long` is `error`; or `top_k` is below 1.
            ConfigError: unknown `long` or activation, or a stride that a window has no room for.
        """
        options = ClassifyOptions(
            top_k=top_k, threshold=threshold, activation=activation, long=long, stride=stride
        )
        return self._predict("classify", texts, options, progress)

    aclassify = asynchronous(classify)

    def decode(
        self,
        encoded: Sequence[EncodedItem],
        ran: Sequence[Iterable[RowOutputs]],
        options: ClassifyOptions | None = None,
    ) -> list[Classification]:
        """A classification for each item: of a windowed one by the mean of its windows' logits."""
        chosen = options or ClassifyOptions()
        flat = flatten(ran)
        means = weighted_means(np.array(flat.outputs), flat.owners, flat.weights)
        return [self._classification(each, chosen) for each in means]

    def _target(self, item: Item, wanted: str | None) -> Target:
        """The score of a label, the best one's unless another is wanted."""
        (found,) = self.predict([item], progress=False)
        label = (
            found.label if wanted is None else require_one_of(wanted, self._head.labels, "label")
        )

        def values(shorter: Sequence["Shortened"]) -> list[float]:
            answers = self.predict([each.item for each in shorter], progress=False)
            named = ({score.label: score.score for score in each.scores} for each in answers)
            return [scores[label] for scores in named]

        return Target(name=f"score of {label}", item=item, values=values)

    def _classification(self, logits: Floats, options: ClassifyOptions) -> Classification:
        activation = options.activation or self._head.activation
        scores = ACTIVATIONS[activation](logits)
        best = self._label_score(scores, int(scores.argmax()))
        kept = select_labels(scores, options.top_k, options.threshold)
        return Classification(
            best=best,
            scores=tuple(self._label_score(scores, label) for label in kept),
            activation=activation,
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


def _scores_of(found: Classification) -> list[dict[str, float]]:
    return [{each.label: each.score for each in found.scores}]


SPEC: Final = TaskSpec(
    name="classify",
    model=Classifier,
    labels="any",
    pipeline_tag="text-classification",
    example='labels = model.classify(["a text", "another"])',
    columns=constant_columns(columns_of(Classification)),
    record=Classification.to_dict,
    command=CommandSpec(
        summary="Give each text its labels; prints a JSON line for each text", pairs="optional"
    ),
    probe=TaskProbe(options=ClassifyOptions(), comparable=_scores_of, measure="scores"),
    agreement=AgreementSpec(metric="labels", unit="texts", measure=labels),
)
