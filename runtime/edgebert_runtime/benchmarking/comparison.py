"""Compare two results of `bench`: what became slower by more than the noise."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.errors import CheckFailedError, ConfigError, InputError
from edgebert_runtime.reporting.text_table import table_lines

Times = Mapping[str, Sequence[float]]
"""What was timed → its time in ms in each round; at least two rounds."""

COLUMNS = ("", "before, ms", "after, ms", "ratio", "")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that both files timed.

    Attributes:
        name: of it.
        before, after: quartiles over the rounds, in ms.
    """

    name: str
    before: Quartiles
    after: Quartiles

    @property
    def ratio(self) -> float:
        """The median after over the one before."""
        return self.after.median / self.before.median

    def is_slower(self, at_most: float) -> bool:
        """Whether the ratio is above a limit, and the interquartile ranges do not overlap.

        The rounds of two files are not paired, so the noise is estimated by each file's own spread.
        """
        return self.ratio > at_most and self.after.low > self.before.high


def compare(before: Times, after: Times) -> list[Change]:
    """What both have, in the order of the first.

    Raises:
        ConfigError: they have nothing in common.
    """
    found = [
        Change(name=name, before=Quartiles.of(times), after=Quartiles.of(after[name]))
        for name, times in before.items()
        if name in after
    ]
    if not found:
        raise ConfigError(
            "the two files share no measurement; measure the same variants, shapes and threads"
        )
    return found


def change_lines(
    changes: Sequence[Change], at_most: float, width: int | None = None
) -> Iterator[str]:
    """A table of changes, folded to a width."""
    rows = [
        [
            change.name,
            f"{change.before.median:.2f} ({change.before.low:.2f}…{change.before.high:.2f})",
            f"{change.after.median:.2f} ({change.after.low:.2f}…{change.after.high:.2f})",
            f"{change.ratio:.2f}",
            "slower" if change.is_slower(at_most) else "",
        ]
        for change in changes
    ]
    return table_lines(COLUMNS, rows, width)


def require_no_slower(changes: Sequence[Change], at_most: float) -> None:
    """Refuse what became slower.

    Raises:
        CheckFailedError: something did; all of it is named.
    """
    slower = [change.name for change in changes if change.is_slower(at_most)]
    if slower:
        raise CheckFailedError(
            f"{len(slower)} of {len(changes)} take more than {at_most:g} times as long as before: "
            f"{', '.join(slower)}"
        )


def read_times(path: Path) -> dict[str, list[float]]:
    """What `bench --json` wrote, as times of every shape and start.

    Raises:
        InputError: the file cannot be read, or is not a result of `bench --json`.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        timed = {_timing_name(each): _medians(each) for each in record["timings"]}
        started = {f"{each['variant']}, start": each["rounds_ms"] for each in record["starts"]}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is not a result of `bench --json`") from error
    return timed | started


def _timing_name(timing: Mapping[str, Any]) -> str:
    threads = f"{timing['threads']} thread{'' if timing['threads'] == 1 else 's'}"
    return f"{timing['variant']}, {timing['batch']}×{timing['sequence']}, {threads}"


def _medians(timing: Mapping[str, Any]) -> list[float]:
    return [each["median_ms"] for each in timing["rounds"]]
