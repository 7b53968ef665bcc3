"""What a pruned model may lose, as a user writes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edgebert_quantize.search.budget import LIMIT, ROUNDING
from edgebert_runtime.errors import ConfigError

DROP: Final = "_drop"
"""End of the name of a limit on what rows with right answers lose."""


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
        for name, limit in self.most.items():
            if limit * rows < 1 - ROUNDING:
                raise ConfigError(
                    f"budget {self.text!r}: {source} has {rows} rows, each of {100 / rows:.2f} "
                    f"points; give more rows, or allow {name}<={100 / rows:.2g}%"
                )


def parse_limits(text: str | None, measures: tuple[str, ...], losses: tuple[str, ...]) -> Limits:
    """Read limits separated by commas.

    Args:
        text: such as `cosine>=0.98, recall_drop<=1%`; None limits nothing.
        measures: names that have a least value.
        losses: names that have a largest value.

    Raises:
        ConfigError: it is no such text, or a name does not apply.
    """
    least: dict[str, float] = {}
    most: dict[str, float] = {}
    forms = [*(f"{name}>=0.98" for name in measures), *(f"{name}<=1%" for name in losses)]
    for part in () if text is None else text.split(","):
        match = LIMIT.fullmatch(part)
        name, sign, number, percent = match.groups() if match else (None, None, "0", "")
        limit = float(number) / (100 if percent else 1)
        if sign == ">=" and name in measures and 0 <= limit <= 1:
            least[name] = limit
        elif sign == "<=" and name in losses and 0 <= limit <= 1:
            most[name] = limit
        else:
            raise ConfigError(
                f"budget {part.strip()!r} is no limit that applies here; write one of "
                f"{', '.join(forms)}{'' if losses else '; losses need --eval'}"
            )
    return Limits(text=text or "", least=least, most=most)
