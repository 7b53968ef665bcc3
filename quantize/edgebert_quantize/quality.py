"""How far a quantized graph's vectors are from fp32's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_quantize.samples import batches_of_one
from edgebert_runtime.bundle import Bundle
from edgebert_runtime.errors import QualityError
from edgebert_runtime.session import Session

METRIC: Final = "cosine of sentence_embedding to fp32, each text alone"


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Cosines of a quantized graph's vectors to a reference's.

    Attributes:
        mean, worst: over the samples.
        worst_text: the text with the smallest cosine.
        samples: how many texts.
        data: where they are from.
        floor_mean, floor_worst: what `mean` and `worst` must reach.
    """

    mean: float
    worst: float
    worst_text: str
    samples: int
    data: str
    floor_mean: float
    floor_worst: float

    @property
    def passed(self) -> bool:
        """Whether both floors are reached; NaN reaches none."""
        return self.mean >= self.floor_mean and self.worst >= self.floor_worst

    def require(self) -> None:
        """Raise unless passed.

        Raises:
            QualityError: says what was reached, what was asked and on which text.
        """
        if not self.passed:
            raise QualityError(
                f"cosine to fp32 is {self.mean:.4f} on average and {self.worst:.4f} at worst "
                f"(text {self.worst_text[:60]!r}); the floor is {self.floor_mean} and "
                f"{self.floor_worst}"
            )

    def to_manifest(self) -> dict[str, Any]:
        """The `quality` object of a variant, as docs/bundle-format.md has it."""
        return {
            "metric": METRIC,
            "data": self.data,
            "samples": self.samples,
            "mean": self.mean,
            "worst": self.worst,
            "floor": {"mean": self.floor_mean, "worst": self.floor_worst},
        }


def embed_each(bundle: Bundle, graph: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """Run a graph on each text alone.

    Returns:
        float32, (number of texts, dimensions)
    """
    session = Session(graph, provider="cpu")
    vectors = [
        session.run(["sentence_embedding"], {name: feeds[name] for name in session.inputs})[0]
        for feeds in batches_of_one(bundle, texts)
    ]
    return np.concatenate(vectors)


def compare(
    vectors: NDArray[np.float32],
    reference: NDArray[np.float32],
    texts: Sequence[str],
    *,
    floor_mean: float,
    floor_worst: float,
    data: str,
) -> Quality:
    """Compare vectors row by row. Shapes: both (number of texts, dimensions)."""
    cosines = np.nan_to_num(row_cosines(vectors, reference), nan=-1.0)
    worst = int(cosines.argmin())
    return Quality(
        mean=float(cosines.mean()),
        worst=float(cosines[worst]),
        worst_text=texts[worst],
        samples=len(texts),
        data=data,
        floor_mean=floor_mean,
        floor_worst=floor_worst,
    )


def row_cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each pair of rows. Shapes: (rows, dimensions) twice to (rows,)."""
    left, right = left.astype(np.float64), right.astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosines: NDArray[np.float64] = (left * right).sum(axis=1) / np.maximum(norms, 1e-30)
    return cosines
