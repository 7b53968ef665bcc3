"""How fast and how small the result has to be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgebert.search.trial import Trial
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.reports import AsDict

TIME: Final = "time"
SIZE: Final = "size"

SPEED: Final = re.compile(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*x?\s*")


@dataclass(frozen=True, kw_only=True)
class Aims(AsDict):
    """What the result has to reach; at least one is given.

    Attributes:
        speed: how many times as fast as the unchanged model in the same precision, for the shape
            that gains least.
        latency_ms: most time of a single short text.
        size_mb: most size of the graph's files, in 10⁶ bytes.

    Raises:
        ConfigError: no aim is given, or a number is out of its range.
    """

    speed: float | None = None
    latency_ms: float | None = None
    size_mb: float | None = None

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        if not given:
            raise ConfigError(
                "nothing says what the result has to reach; give speed (--speed 2x), latency_ms "
                "(--latency-ms 5) or size_mb (--size-mb 14)"
            )
        for name, value in given.items():
            least = 1 if name == "speed" else 0
            if not value > least:
                raise ConfigError(f"{name} is {value:g}, expected more than {least}")

    def __str__(self) -> str:
        units = {"speed": "{:g}x as fast", "latency_ms": "{:g} ms", "size_mb": "{:g} MB"}
        given = ((units[name], value) for name, value in vars(self).items() if value is not None)
        return ", ".join(unit.format(value) for unit, value in given)

    def missed(self, trial: Trial) -> frozenset[str]:
        """Which of `TIME` and `SIZE` is not reached yet."""
        fast = self.speed is None or trial.speed >= self.speed
        quick = self.latency_ms is None or trial.milliseconds <= self.latency_ms
        small = self.size_mb is None or trial.megabytes <= self.size_mb
        return frozenset({*(() if fast and quick else (TIME,)), *(() if small else (SIZE,))})

    def factor(self, unchanged: Sequence[Trial]) -> float:
        """How many times less work the model has to do, as far as one can say beforehand.

        Args:
            unchanged: the unchanged model in each precision.
        """
        best = min(trial.milliseconds for trial in unchanged)
        smallest = min(trial.megabytes for trial in unchanged)
        wanted = [
            self.speed or 1.0,
            1.0 if self.latency_ms is None else best / self.latency_ms,
            1.0 if self.size_mb is None else smallest / self.size_mb,
        ]
        return max(wanted)


def read_speed(text: str) -> float:
    """A speed such as `2x` or `1.5`.

    Raises:
        ConfigError: it is none.
    """
    match = SPEED.fullmatch(text)
    if match is None:
        raise ConfigError(f"speed {text!r} is no factor; write it as 2x or 1.5x")
    return float(match[1])
