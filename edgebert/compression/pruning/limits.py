"""What a pruned model may lose, as a user writes it."""

from collections.abc import Mapping
from dataclasses import dataclass

from edgebert_quantize.search.budget import OF_ROWS, ROUNDING, read_limits, require_rows
from edgebert_runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on what is measured; all of them must be met.

    Attributes:
        text: as the user wrote it; empty where nothing is limited.
        least: name of a measure → its least value.
        most: name of a loss → its largest value; 0.01 is one point.
    """

    text: str
    least: Mapping[str, float]
    most: Mapping[str, float]

    def is_met_by(self, measured: Mapping[str, float]) -> bool:
        """Whether all limits are met; NaN meets none."""
        kept = all(measured[name] >= limit for name, limit in self.least.items())
        return kept and all(measured[name] <= limit + ROUNDING for name, limit in self.most.items())

    def require_rows(self, rows: int, source: str) -> None:
        """Refuse a limit on a loss that is smaller than one row of a file.

        Raises:
            ConfigError: it needs more rows.
        """
        require_rows(self.text, self.most, rows, source)


def parse_limits(text: str | None, measures: tuple[str, ...], losses: tuple[str, ...]) -> Limits:
    """Read limits separated by commas.

    Args:
        text: such as `cosine>=0.98, recall_drop<=1%`; None limits nothing.
        measures: names that have a least value.
        losses: names that have a largest value.

    Raises:
        ConfigError: it is no such text, or a name does not apply.
    """
    if text is None:
        return Limits(text="", least={}, most={})
    if not losses and any(name in text for name in OF_ROWS):
        raise ConfigError(f"budget {text!r}: losses need --eval, the file they are measured on")
    found = read_limits(text, {**dict.fromkeys(measures, ">="), **dict.fromkeys(losses, "<=")})
    return Limits(
        text=text,
        least={name: limit for name, limit in found.items() if name in measures},
        most={name: limit for name, limit in found.items() if name in losses},
    )
