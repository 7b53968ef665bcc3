"""Quality of a quantized graph: similarity of its outputs to those of fp32."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_quantize.calibration.text_split import Feeder
from edgebert_quantize.similarity import Comparison, Outputs, QualityThreshold, SimilarityMetric
from edgebert_runtime.engine.native import NativeLibrary
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import QualityError
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.tasks.agreement import Agreement
from edgebert_runtime.tokenization.items import Item, strings_of

Runner = Callable[[Mapping[str, NDArray[np.int64]]], Outputs]
"""Runs one text, (1, sequence) each input, and returns the outputs that are compared."""

REMEMBERED_BYTES: Final = 64 * 2**20
"""Vectors and labels of all texts take less; logits over a vocabulary may take more."""

METRICS: Final = {
    SimilarityMetric.COSINE: "cosine of sentence_embedding to fp32, each text alone",
    SimilarityMetric.SCORES: "1 - total variation distance of the scores to fp32, each text alone",
    SimilarityMetric.VALUES: "1 - difference of the values to fp32 over their spread, each alone",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Quality(Report):
    """Similarity of a quantized graph's outputs to those of a reference.

    Attributes:
        metric: of similarity.
        mean: over the texts.
        worst: of the least similar text.
        worst_text: the least similar text; of a pair the second.
        text_count: how many texts.
        data: what the texts are.
        threshold: the least `mean`, `worst` and `agreement` that are accepted.
        agreement: of the answers; None where the task has none to compare.
    """

    metric: SimilarityMetric
    mean: float
    worst: float
    worst_text: str
    text_count: int
    data: str
    threshold: QualityThreshold
    agreement: Agreement | None = None

    @property
    def passed(self) -> bool:
        """Whether all thresholds are reached; NaN reaches none."""
        return (
            self.mean >= self.threshold.mean
            and self.worst >= self.threshold.worst
            and agrees(self.agreement, self.threshold.agreement)
        )

    def require(self) -> None:
        """Raise unless passed.

        Raises:
            QualityError: with the measured values, the required ones and the worst text.
        """
        if not agrees(self.agreement, self.threshold.agreement):
            raise QualityError(
                f"agreement with the answers of fp32 is {self.agreement}; required is "
                f"{self.threshold.agreement}"
            )
        if not self.passed:
            raise QualityError(
                f"similarity to fp32 ({self.metric}) is {self.mean:.4f} on average and "
                f"{self.worst:.4f} at worst (text {self.worst_text[:60]!r}); required are "
                f"{self.threshold.mean} and {self.threshold.worst}"
            )

    def to_manifest(self) -> dict[str, Any]:
        """The `quality` object of a variant, as docs/bundle-format.md has it."""
        floor = {"mean": self.threshold.mean, "worst": self.threshold.worst}
        fields = {
            "metric": METRICS[self.metric],
            "data": self.data,
            "samples": self.text_count,
            "mean": self.mean,
            "worst": self.worst,
        }
        if self.agreement is None:
            return {**fields, "floor": floor}
        floor["agreement"] = self.threshold.agreement or 0.0
        return {**fields, "agreement": self.agreement.to_dict(), "floor": floor}


def agrees(agreement: Agreement | None, least: float | None) -> bool:
    """Whether answers agree as far as is required, if they are compared."""
    return agreement is None or least is None or agreement.value >= least


def graph_runner(
    graph: Path,
    outputs: Sequence[str],
    provider: str = "cpu",
    library: NativeLibrary | None = None,
) -> Runner:
    """A function that runs a graph, with a library or without, and returns these outputs."""
    session = Session(graph, provider=provider, library=library)
    return lambda feeds: session.run(outputs, {name: feeds[name] for name in session.inputs})


class Remembered:
    """A runner that runs each input once, as long as the outputs fit into its memory.

    Args:
        run: what runs them.
        limit: bytes of outputs that are kept; what is beyond is run again each time.
    """

    def __init__(self, run: Runner, limit: int = REMEMBERED_BYTES) -> None:
        self._run, self._left = run, limit
        self._kept: dict[bytes, Outputs] = {}

    def __call__(self, feeds: Mapping[str, NDArray[np.int64]]) -> Outputs:
        """The outputs of one text, (1, sequence) each input."""
        key = b"".join(feeds[name].tobytes() for name in sorted(feeds))
        if key in self._kept:
            return self._kept[key]
        outputs = self._run(feeds)
        size = len(key) + sum(output.nbytes for output in outputs)
        if size <= self._left:
            self._left -= size
            self._kept[key] = outputs
        return outputs


def compare(
    comparison: Comparison,
    run: Runner,
    reference: Runner,
    feeder: Feeder,
    texts: Sequence[Item],
    *,
    threshold: QualityThreshold,
    data: str,
    agreement: Agreement | None = None,
) -> Quality:
    """Run both on each text, or pair of texts, alone and compare their outputs.

    Raises:
        QualityError: nothing is compared, as `Comparison.similarities` says.
    """
    similarities = comparison.similarities(
        (run(feeds), reference(feeds)) for feeds in feeder.alone(texts)
    )
    return summarize_quality(
        similarities, comparison, texts, threshold=threshold, data=data, agreement=agreement
    )


def summarize_quality(
    similarities: Sequence[float],
    comparison: Comparison,
    texts: Sequence[Item],
    *,
    threshold: QualityThreshold,
    data: str,
    agreement: Agreement | None = None,
) -> Quality:
    """Quality from the similarity of each text."""
    worst = int(np.argmin(similarities))
    return Quality(
        metric=comparison.metric,
        mean=float(np.mean(similarities)),
        worst=similarities[worst],
        worst_text=strings_of(texts[worst])[-1],
        text_count=len(texts),
        data=data,
        threshold=threshold,
        agreement=agreement,
    )
