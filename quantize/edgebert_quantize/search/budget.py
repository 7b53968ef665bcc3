"""What a search must keep: limits on quality, as a user writes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edgebert_quantize.similarity import Floor, SimilarityMetric
from edgebert_runtime.errors import ConfigError

ACCURACY_DROP: Final = "accuracy_drop"
WORST: Final = "worst"
FORMS: Final = "cosine>=0.999, scores>=0.99, worst>=0.99, accuracy_drop<=0.5%"

LIMIT: Final = re.compile(r"\s*([a-z_]+)\s*(>=|<=)\s*([0-9.]+(?:e-?[0-9]+)?)\s*(%?)\s*")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a graph's answers are worth.

    Attributes:
        mean, worst: nearness to fp32 over the texts measured on.
        accuracy: share of labelled texts that get their label; None without any.
    """

    mean: float
    worst: float
    accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits, all of which are to be kept.

    Attributes:
        text: as it was given.
        mean: least mean nearness to fp32.
        worst: least nearness of a single text.
        accuracy_drop: the most that accuracy may be below fp32's; 0.01 is a point.
    """

    text: str
    mean: float | None = None
    worst: float | None = None
    accuracy_drop: float | None = None

    def kept_by(self, measured: Measured, exact: Measured) -> bool:
        """Whether a graph keeps it, `exact` being fp32's; what is NaN keeps nothing."""
        kept = [
            limit is None or found >= limit
            for limit, found in ((self.mean, measured.mean), (self.worst, measured.worst))
        ]
        if self.accuracy_drop is not None:
            kept.append(accuracy_drop(measured, exact) <= self.accuracy_drop + ROUNDING)
        return all(kept)

    def floor(self, usual: Floor) -> Floor:
        """What a variant is held to from then on: these limits, a recipe's where there is none."""
        return Floor(
            mean=usual.mean if self.mean is None else self.mean,
            worst=usual.worst if self.worst is None else self.worst,
        )


ROUNDING: Final = 1e-12
"""A difference of two shares may miss its decimal by this much."""


def accuracy_drop(measured: Measured, exact: Measured) -> float:
    """How far a graph's accuracy is below fp32's; negative where it is above."""
    if measured.accuracy is None or exact.accuracy is None:
        raise ValueError("accuracy was not measured")
    return exact.accuracy - measured.accuracy


def parse_budget(text: str, nearness: SimilarityMetric) -> Budget:
    """Read limits separated by commas.

    Args:
        text: such as `cosine>=0.999` or `worst>=0.99, accuracy_drop<=0.5%`.
        nearness: what the bundle's answers are compared by.

    Raises:
        ConfigError: it is none, or names what does not go with the bundle.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        match = LIMIT.fullmatch(part)
        if match is None:
            raise ConfigError(f"budget {part.strip()!r} is none; write it as one of {FORMS}")
        name, sign, number, percent = match.groups()
        _check(name, sign, nearness)
        limits[name] = _number(number, part) / (100 if percent else 1)
    return _budget(text, limits, nearness)


def _check(name: str, sign: str, nearness: SimilarityMetric) -> None:
    signs: Mapping[str, str] = {nearness.value: ">=", WORST: ">=", ACCURACY_DROP: "<="}
    if name not in signs:
        raise ConfigError(
            f"budget {name!r} does not go with this bundle; it has {', '.join(signs)}: {FORMS}"
        )
    if signs[name] != sign:
        raise ConfigError(f"budget {name}{sign} is no limit; write {name}{signs[name]}")


def _number(number: str, part: str) -> float:
    try:
        return float(number)
    except ValueError as error:
        raise ConfigError(f"budget {part.strip()!r} has no number in it: {number!r}") from error


def _budget(text: str, limits: Mapping[str, float], nearness: SimilarityMetric) -> Budget:
    beyond = [name for name, limit in limits.items() if not 0 <= limit <= 1]
    if beyond:
        raise ConfigError(f"budget {text!r}: {beyond[0]} lies between 0 and 1")
    return Budget(
        text=text,
        mean=limits.get(nearness.value),
        worst=limits.get(WORST),
        accuracy_drop=limits.get(ACCURACY_DROP),
    )
