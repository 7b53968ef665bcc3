"""Limits on quality that a search must meet, as a user writes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime.errors import ConfigError

ACCURACY_DROP: Final = "accuracy_drop"
WORST: Final = "worst"
FORMS: Final = "cosine>=0.999, scores>=0.99, worst>=0.99, accuracy_drop<=0.5%"

LIMIT: Final = re.compile(
    r"\s*([a-z_]+)\s*(>=|<=)\s*((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e-?[0-9]+)?)\s*(%?)\s*"
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measured quality of a graph.

    Attributes:
        mean, worst: similarity to fp32 over the held-out texts.
        accuracy: share of labelled texts that are classified correctly; None without labels.
    """

    mean: float
    worst: float
    accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits on quality; a graph must meet all of them.

    Attributes:
        text: as the user wrote it.
        mean: least mean similarity to fp32.
        worst: least similarity of a single text.
        accuracy_drop: largest loss of accuracy against fp32; 0.01 is one percentage point.
    """

    text: str
    mean: float | None = None
    worst: float | None = None
    accuracy_drop: float | None = None

    def is_met_by(self, measured: Measured, exact: Measured) -> bool:
        """Whether a graph meets all limits; `exact` is fp32. NaN meets none."""
        met = [
            limit is None or found >= limit
            for limit, found in ((self.mean, measured.mean), (self.worst, measured.worst))
        ]
        if self.accuracy_drop is not None:
            met.append(accuracy_drop(measured, exact) <= self.accuracy_drop + ROUNDING)
        return all(met)

    def threshold(self, default: QualityThreshold) -> QualityThreshold:
        """The threshold that is stored with the variant: these limits, else the recipe's."""
        return QualityThreshold(
            mean=default.mean if self.mean is None else self.mean,
            worst=default.worst if self.worst is None else self.worst,
        )


ROUNDING: Final = 1e-12
"""Tolerance for the rounding error of a difference of two shares."""


def accuracy_drop(measured: Measured, exact: Measured) -> float:
    """How far a graph's accuracy is below fp32's; negative where it is above."""
    if measured.accuracy is None or exact.accuracy is None:
        raise ValueError("accuracy was not measured")
    return exact.accuracy - measured.accuracy


def parse_budget(text: str, metric: SimilarityMetric) -> Budget:
    """Read limits separated by commas.

    Args:
        text: such as `cosine>=0.999` or `worst>=0.99, accuracy_drop<=0.5%`.
        metric: how the bundle's outputs are compared.

    Raises:
        ConfigError: it is not a budget, or a limit does not apply to the bundle.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        match = LIMIT.fullmatch(part)
        if match is None:
            raise ConfigError(f"budget {part.strip()!r} is not a limit; write one of {FORMS}")
        name, sign, number, percent = match.groups()
        _check(name, sign, metric)
        limits[name] = float(number) / (100 if percent else 1)
    beyond = [name for name, limit in limits.items() if not 0 <= limit <= 1]
    if beyond:
        raise ConfigError(f"budget {text!r}: {beyond[0]} must be between 0 and 1")
    return Budget(
        text=text,
        mean=limits.get(metric.value),
        worst=limits.get(WORST),
        accuracy_drop=limits.get(ACCURACY_DROP),
    )


def _check(name: str, sign: str, metric: SimilarityMetric) -> None:
    signs: Mapping[str, str] = {metric.value: ">=", WORST: ">=", ACCURACY_DROP: "<="}
    if name not in signs:
        raise ConfigError(
            f"budget {name!r} does not apply to this bundle; use {', '.join(signs)}, as in {FORMS}"
        )
    if signs[name] != sign:
        raise ConfigError(f"budget {name}{sign} limits nothing; write {name}{signs[name]}")
