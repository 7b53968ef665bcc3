"""Limits on quality that a search must meet, as a user writes them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edgebert_quantize.evaluation.accuracy import Accuracy
from edgebert_quantize.evaluation.quality import agrees
from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.agreement import Agreement

ACCURACY_DROP: Final = "accuracy_drop"
WORST: Final = "worst"
AGREEMENT: Final = "agreement"
FORMS: Final[Mapping[str, str]] = {
    "cosine": "cosine>=0.999",
    "scores": "scores>=0.99",
    "values": "values>=0.99",
    WORST: "worst>=0.99",
    AGREEMENT: "agreement>=0.99",
    ACCURACY_DROP: "accuracy_drop<=0.5%",
}
"""Name of a limit → how it is written."""

LIMIT: Final = re.compile(
    r"\s*([a-z_]+)\s*(>=|<=)\s*((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e-?[0-9]+)?)\s*(%?)\s*"
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measured quality of a graph.

    Attributes:
        mean, worst: similarity to fp32 over the held-out texts.
        agreement: of the answers to these texts with those of fp32; None where none are compared.
        accuracy: on labelled rows, beside that of fp32; None without labels.
    """

    mean: float
    worst: float
    agreement: Agreement | None = None
    accuracy: Accuracy | None = None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits on quality; a graph must meet all of them.

    Attributes:
        text: as the user wrote it.
        mean: least mean similarity to fp32.
        worst: least similarity of a single text.
        agreement: least agreement of the answers with those of fp32.
        accuracy_drop: largest loss of accuracy against fp32; 0.01 is one percentage point.
    """

    text: str
    mean: float | None = None
    worst: float | None = None
    agreement: float | None = None
    accuracy_drop: float | None = None

    def is_met_by(self, measured: Measured) -> bool:
        """Whether a graph meets all limits; NaN meets none."""
        met = [
            limit is None or found >= limit
            for limit, found in ((self.mean, measured.mean), (self.worst, measured.worst))
        ]
        met.append(agrees(measured.agreement, self.agreement))
        if self.accuracy_drop is not None:
            met.append(keeps(self.accuracy_drop, measured.accuracy))
        return all(met)

    def threshold(self, default: QualityThreshold) -> QualityThreshold:
        """The threshold that is stored with the variant: these limits, else the recipe's."""
        return QualityThreshold(
            mean=default.mean if self.mean is None else self.mean,
            worst=default.worst if self.worst is None else self.worst,
            agreement=default.agreement if self.agreement is None else self.agreement,
        )

    def require_rows(self, rows: int, source: str) -> None:
        """Refuse a limit on accuracy that is smaller than one labelled row.

        Args:
            rows: of the labelled file.
            source: its name.

        Raises:
            ConfigError: the limit needs more rows; the text says how many.
        """
        limit = self.accuracy_drop
        if limit is None or limit * rows >= 1 - ROUNDING:
            return
        needed = (
            f"at least {math.ceil(1 / limit - ROUNDING)}" if limit else "more than any number of"
        )
        smallest = math.ceil(10_000 / rows - ROUNDING) / 100
        raise ConfigError(
            f"budget {self.text!r} needs {needed} labelled rows, {source} has {rows}, each of "
            f"{100 / rows:.2f} points; give more rows, or allow {ACCURACY_DROP}<={smallest:g}%"
        )


ROUNDING: Final = 1e-9
"""Tolerance for the rounding error of shares and of their products with rows."""


def keeps(limit: float, accuracy: Accuracy | None) -> bool:
    """Whether accuracy drops by no more than the limit."""
    if accuracy is None:
        raise ValueError("accuracy was not measured")
    return accuracy.drop <= limit + ROUNDING


def parse_budget(text: str, metric: SimilarityMetric, *, answers: bool = False) -> Budget:
    """Read limits separated by commas.

    Args:
        text: such as `cosine>=0.999` or `worst>=0.99, accuracy_drop<=0.5%`.
        metric: how the bundle's outputs are compared.
        answers: whether the bundle's answers are compared.

    Raises:
        ConfigError: it is not a budget, or a limit does not apply to the bundle.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        match = LIMIT.fullmatch(part)
        if match is None:
            forms = ", ".join(FORMS.values())
            raise ConfigError(f"budget {part.strip()!r} is not a limit; write one of {forms}")
        name, sign, number, percent = match.groups()
        _check(name, sign, metric, answers=answers)
        limits[name] = float(number) / (100 if percent else 1)
    beyond = [name for name, limit in limits.items() if not 0 <= limit <= 1]
    if beyond:
        raise ConfigError(f"budget {text!r}: {beyond[0]} must be between 0 and 1")
    return Budget(
        text=text,
        mean=limits.get(metric.value),
        worst=limits.get(WORST),
        agreement=limits.get(AGREEMENT),
        accuracy_drop=limits.get(ACCURACY_DROP),
    )


def _check(name: str, sign: str, metric: SimilarityMetric, *, answers: bool) -> None:
    compared = {AGREEMENT: ">="} if answers else {}
    signs: Mapping[str, str] = {
        metric.value: ">=",
        WORST: ">=",
        **compared,
        ACCURACY_DROP: "<=",
    }
    if name not in signs:
        forms = ", ".join(FORMS[each] for each in signs)
        raise ConfigError(f"budget {name!r} does not apply to this bundle; use {forms}")
    if signs[name] != sign:
        raise ConfigError(f"budget {name}{sign} limits nothing; write {name}{signs[name]}")
