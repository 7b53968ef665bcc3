"""Limits on quality that a search must meet, as a user writes them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edgebert_quantize.evaluation.accuracy import ACCURACY, RECALL, Accuracy
from edgebert_quantize.evaluation.quality import agrees
from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.agreement import Agreement

ACCURACY_DROP: Final = "accuracy_drop"
RECALL_DROP: Final = "recall_drop"
DROPS: Final = {ACCURACY: ACCURACY_DROP, RECALL: RECALL_DROP}
"""What rows lose → the limit on it."""
WORST: Final = "worst"
AGREEMENT: Final = "agreement"
FORMS: Final[Mapping[str, str]] = {
    "cosine": "cosine>=0.999",
    "spearman": "spearman>=0.98",
    "scores": "scores>=0.99",
    "values": "values>=0.99",
    WORST: "worst>=0.99",
    AGREEMENT: "agreement>=0.99",
    ACCURACY_DROP: "accuracy_drop<=0.5%",
    RECALL_DROP: "recall_drop<=3%",
}
"""Name of a limit → how it is written."""

OF_ROWS: Final[Mapping[str, str]] = {ACCURACY_DROP: "<=", RECALL_DROP: "<="}
"""Limits on what rows lose → their sign."""

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
        recall: recall@1 on pairs of texts, likewise; None without pairs.
    """

    mean: float
    worst: float
    agreement: Agreement | None = None
    accuracy: Accuracy | None = None
    recall: Accuracy | None = None

    @property
    def on_rows(self) -> dict[str, Accuracy]:
        """What was measured on rows, by its name: `accuracy` or `recall`."""
        both = {ACCURACY: self.accuracy, RECALL: self.recall}
        return {share: found for share, found in both.items() if found is not None}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits on quality; a graph must meet all of them.

    Attributes:
        text: as the user wrote it.
        mean: least mean similarity to fp32.
        worst: least similarity of a single text.
        agreement: least agreement of the answers with those of fp32.
        accuracy_drop: largest loss of accuracy against fp32; 0.01 is one percentage point.
        recall_drop: largest loss of recall@1 against fp32, likewise.
    """

    text: str
    mean: float | None = None
    worst: float | None = None
    agreement: float | None = None
    accuracy_drop: float | None = None
    recall_drop: float | None = None

    @property
    def drops(self) -> dict[str, float]:
        """Largest losses on rows that the budget has, by what is lost: `accuracy` or `recall`."""
        both = {ACCURACY: self.accuracy_drop, RECALL: self.recall_drop}
        return {share: limit for share, limit in both.items() if limit is not None}

    def is_met_by(self, measured: Measured) -> bool:
        """Whether a graph meets all limits; NaN meets none."""
        met = [
            limit is None or found >= limit
            for limit, found in ((self.mean, measured.mean), (self.worst, measured.worst))
        ]
        met.append(agrees(measured.agreement, self.agreement))
        met += [keeps(limit, measured.on_rows.get(share)) for share, limit in self.drops.items()]
        return all(met)

    def threshold(self, default: QualityThreshold) -> QualityThreshold:
        """The threshold that is stored with the variant: these limits, else the recipe's."""
        return QualityThreshold(
            mean=default.mean if self.mean is None else self.mean,
            worst=default.worst if self.worst is None else self.worst,
            agreement=default.agreement if self.agreement is None else self.agreement,
        )

    def require_rows(self, rows: int, source: str) -> None:
        """Refuse a limit on accuracy or recall that is smaller than one row.

        Args:
            rows: of the file with the right answers.
            source: its name.

        Raises:
            ConfigError: the limit needs more rows; the text says how many.
        """
        named = {DROPS[share]: limit for share, limit in self.drops.items()}
        require_rows(self.text, named, rows, source)


ROUNDING: Final = 1e-9
"""Tolerance for the rounding error of shares and of their products with rows."""


def require_rows(text: str, limits: Mapping[str, float], rows: int, source: str) -> None:
    """Refuse a limit on what rows lose that is smaller than one of them.

    Args:
        text: the budget, as the user wrote it.
        limits: name of each → its number; 0.01 is one point.
        rows: of the file with the right answers.
        source: its name.

    Raises:
        ConfigError: a limit needs more rows; the text says how many.
    """
    for name, limit in limits.items():
        if limit * rows >= 1 - ROUNDING:
            continue
        needed = (
            f"at least {math.ceil(1 / limit - ROUNDING)}" if limit else "more than any number of"
        )
        smallest = math.ceil(10_000 / rows - ROUNDING) / 100
        raise ConfigError(
            f"budget {text!r} needs {needed} labelled rows, {source} has {rows}, each of "
            f"{100 / rows:.2f} points; give more rows, or allow {name}<={smallest:g}%"
        )


def keeps(limit: float, accuracy: Accuracy | None) -> bool:
    """Whether accuracy or recall drops by no more than the limit."""
    if accuracy is None:
        raise ValueError("neither accuracy nor recall was measured")
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
    compared = {AGREEMENT: ">="} if answers else {}
    limits = read_limits(text, {metric.value: ">=", WORST: ">=", **compared, **OF_ROWS})
    return Budget(
        text=text,
        mean=limits.get(metric.value),
        worst=limits.get(WORST),
        agreement=limits.get(AGREEMENT),
        accuracy_drop=limits.get(ACCURACY_DROP),
        recall_drop=limits.get(RECALL_DROP),
    )


def parse_drops(text: str) -> Budget:
    """Read limits on what rows lose, and no others.

    Args:
        text: such as `recall_drop<=3%`.

    Raises:
        ConfigError: it is not a budget, or limits something else.
    """
    limits = read_limits(text, OF_ROWS)
    return Budget(
        text=text,
        accuracy_drop=limits.get(ACCURACY_DROP),
        recall_drop=limits.get(RECALL_DROP),
    )


def read_limits(text: str, signs: Mapping[str, str]) -> dict[str, float]:
    """The limits of a budget by their names, from 0 to 1.

    Args:
        text: limits separated by commas, each with a `%` for points.
        signs: names that apply → their sign, `>=` or `<=`.

    Raises:
        ConfigError: it is not a budget, or a limit does not apply.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        match = LIMIT.fullmatch(part)
        if match is None:
            forms = ", ".join(FORMS[each] for each in signs)
            raise ConfigError(f"budget {part.strip()!r} is not a limit; write one of {forms}")
        name, sign, number, percent = match.groups()
        _check(name, sign, signs)
        limits[name] = float(number) / (100 if percent else 1)
    beyond = [name for name, limit in limits.items() if not 0 <= limit <= 1]
    if beyond:
        raise ConfigError(f"budget {text!r}: {beyond[0]} must be between 0 and 1")
    return limits


def _check(name: str, sign: str, signs: Mapping[str, str]) -> None:
    if name not in signs:
        forms = ", ".join(FORMS[each] for each in signs)
        raise ConfigError(f"budget {name!r} does not apply to this model; use {forms}")
    if signs[name] != sign:
        raise ConfigError(f"budget {name}{sign} limits nothing; write {name}{signs[name]}")
