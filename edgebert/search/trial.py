"""What was measured of one model in one precision."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any, Final

from edgebert_quantize.evaluation.accuracy import Accuracy
from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.storage.json_values import Array, Number, Text

MEGABYTE: Final = 1e6

UNCHANGED: Final = "unchanged"
"""The model that nothing was done to."""

Milliseconds = Annotated[tuple[float, ...], Array(Number(above=0), least=1)]


@dataclass(frozen=True, kw_only=True)
class ShapeTime:
    """Times of one shape in ms, round for round.

    Attributes:
        model_ms: of the model.
        unchanged_ms: of the unchanged model in the same precision.
    """

    model_ms: Milliseconds
    unchanged_ms: Milliseconds

    @property
    def milliseconds(self) -> float:
        """Median time of the model."""
        return median(self.model_ms)

    @property
    def speed(self) -> float:
        """How many times as fast as the unchanged model; median over rounds."""
        pairs = zip(self.model_ms, self.unchanged_ms, strict=True)
        return median(unchanged / model for model, unchanged in pairs)


@dataclass(frozen=True, kw_only=True)
class Trial(AsDict):
    """A model in one precision.

    Attributes:
        steps: what was done, in words; empty for the unchanged model.
        precision: of the graph.
        size_bytes: of the graph's files.
        times: shape → its times.
        rows: right answers, beside those of the unchanged model in fp32.
    """

    steps: Annotated[tuple[str, ...], Array(Text())]
    precision: str
    size_bytes: int
    times: Mapping[str, ShapeTime]
    rows: Accuracy

    @property
    def name(self) -> str:
        """What was done, and the precision."""
        return f"{' + '.join(self.steps) or UNCHANGED}, {self.precision}"

    @property
    def megabytes(self) -> float:
        """Size in 10⁶ bytes."""
        return self.size_bytes / MEGABYTE

    @property
    def speed(self) -> float:
        """Least of the shapes' speeds over the unchanged model in the same precision."""
        return min(time.speed for time in self.times.values())

    @property
    def milliseconds(self) -> float:
        """Time of a single short text, which is the first shape."""
        return next(iter(self.times.values())).milliseconds

    def summary(self) -> dict[str, Any]:
        """The numbers that a manifest keeps."""
        return {
            "precision": self.precision,
            "size_bytes": self.size_bytes,
            "speed": self.speed,
            "milliseconds": {shape: time.milliseconds for shape, time in self.times.items()},
            "rows": self.rows.rows,
            "drop": self.rows.drop,
            "error": self.rows.error,
        }
