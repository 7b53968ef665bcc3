"""How far a quantized graph's answers are from fp32's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_quantize.calibration.samples import Feeder
from edgebert_quantize.similarity import Comparison, Floor, Outputs, SimilarityMetric
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import QualityError

Runner = Callable[[Mapping[str, NDArray[np.int64]]], Outputs]
"""Runs one text, (1, sequence) each input, and gives the outputs that are compared."""

METRICS: Final = {
    SimilarityMetric.COSINE: "cosine of sentence_embedding to fp32, each text alone",
    SimilarityMetric.SCORES: "1 - total variation distance of the scores to fp32, each text alone",
}


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How near a quantized graph's answers are to a reference's.

    Attributes:
        nearness: of what kind.
        mean, worst: over the samples.
        worst_text: the text that is farthest.
        samples: how many texts.
        data: where they are from.
        floor: what `mean` and `worst` must reach.
    """

    nearness: SimilarityMetric
    mean: float
    worst: float
    worst_text: str
    samples: int
    data: str
    floor: Floor

    @property
    def passed(self) -> bool:
        """Whether both floors are reached; NaN reaches none."""
        return self.mean >= self.floor.mean and self.worst >= self.floor.worst

    def require(self) -> None:
        """Raise unless passed.

        Raises:
            QualityError: says what was reached, what was asked and on which text.
        """
        if not self.passed:
            raise QualityError(
                f"nearness to fp32 ({self.nearness}) is {self.mean:.4f} on average and "
                f"{self.worst:.4f} at worst (text {self.worst_text[:60]!r}); the floor is "
                f"{self.floor.mean} and {self.floor.worst}"
            )

    def to_manifest(self) -> dict[str, Any]:
        """The `quality` object of a variant, as docs/bundle-format.md has it."""
        return {
            "metric": METRICS[self.nearness],
            "data": self.data,
            "samples": self.samples,
            "mean": self.mean,
            "worst": self.worst,
            "floor": {"mean": self.floor.mean, "worst": self.floor.worst},
        }


def graph_runner(graph: Path, outputs: Sequence[str], provider: str = "cpu") -> Runner:
    """Runs a graph for the outputs named."""
    session = Session(graph, provider=provider)
    return lambda feeds: session.run(outputs, {name: feeds[name] for name in session.inputs})


def compare(
    comparison: Comparison,
    run: Runner,
    reference: Runner,
    feeder: Feeder,
    texts: Sequence[str],
    *,
    floor: Floor,
    data: str,
) -> Quality:
    """Run both on each text alone and compare what they say."""
    near = [comparison.measure(run(feeds), reference(feeds)) for feeds in feeder.alone(texts)]
    return quality_of(near, comparison, texts, floor=floor, data=data)


def quality_of(
    near: Sequence[float],
    comparison: Comparison,
    texts: Sequence[str],
    *,
    floor: Floor,
    data: str,
) -> Quality:
    """Quality from the nearness of each text."""
    worst = int(np.argmin(near))
    return Quality(
        nearness=comparison.nearness,
        mean=float(np.mean(near)),
        worst=near[worst],
        worst_text=texts[worst],
        samples=len(texts),
        data=data,
        floor=floor,
    )
