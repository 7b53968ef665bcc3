"""Compare two records of `bench`: what became slower, and where only the machine did.

Each round of a measurement has a yardstick beside it: the time of a fixed product on as many
threads. Only rounds count whose yardstick is near the fastest of both records. Where too few are
left, or the yardsticks of those that are left differ, the machine was another one, and nothing is
said of the bundle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Final, NamedTuple

from edgebert_runtime.benchmarking.disturbance import DISTURBED
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.errors import (
    CheckFailedError,
    ConfigError,
    InputError,
    MachineChangedError,
)
from edgebert_runtime.storage.json_reader import parse_json
from edgebert_runtime.storage.json_values import Array, Number, Structure, read_structure

COLUMNS: Final = ("", "before, ms", "after, ms", "ratio", "machine", "")

SHARE_COUNTED: Final = 0.8
"""Of the rounds of each record, at least so many must count: four of five."""

SAME_MACHINE: Final = 1.1
"""Largest ratio of two yardsticks, either way, of one machine that did not change."""


class Measured(NamedTuple):
    """One thing that was timed.

    Attributes:
        times: in ms, one a round.
        yardsticks: likewise, of the same rounds; empty if there was none.
        threads: of the yardstick.
    """

    times: Sequence[float]
    yardsticks: Sequence[float] = ()
    threads: int = 1


Measurements = Mapping[str, Measured]
"""What was timed → its rounds, at least two."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that both records timed.

    Attributes:
        name: of it.
        before, after: quartiles over the rounds that count, in ms; over all where too few do.
        machine: the yardstick's median over all rounds after, divided by that before; None without
            yardsticks.
        counted: ratio of the yardsticks of the rounds that count; None where too few do, and 1
            without yardsticks.
    """

    name: str
    before: Quartiles
    after: Quartiles
    machine: float | None = None
    counted: float | None = 1.0

    @property
    def ratio(self) -> float:
        """The median after over the one before."""
        return self.after.median / self.before.median

    @property
    def is_known(self) -> bool:
        """Whether the machine was the same, so that the ratio is the bundle's."""
        return self.counted is not None and 1 / SAME_MACHINE <= self.counted <= SAME_MACHINE

    def is_slower(self, at_most: float) -> bool:
        """Whether the ratio is above a limit, and the interquartile ranges do not overlap.

        What the machine itself was slower by is allowed on top of the limit. The rounds of two
        records are not paired, so the noise is estimated by each record's own spread.
        """
        if self.counted is None or not self.is_known:
            return False
        allowed = at_most * max(1.0, self.counted)
        return self.ratio > allowed and self.after.low > self.before.high


def compare(before: Measurements, after: Measurements) -> list[Change]:
    """What both have, in the order of the first.

    Raises:
        ConfigError: they have nothing in common.
    """
    names = [name for name in before if name in after]
    if not names:
        raise ConfigError(
            "the two records share no measurement; measure the same variants, shapes and threads"
        )
    fastest = _fastest([*before.values(), *after.values()])
    return [_change(name, before[name], after[name], fastest) for name in names]


def change_rows(changes: Sequence[Change], at_most: float) -> list[list[str]]:
    """Cells below `COLUMNS`, a row a change."""
    return [
        [
            change.name,
            *(_cell(quartiles) for quartiles in (change.before, change.after)),
            f"{change.ratio:.2f}",
            "" if change.machine is None else f"{change.machine:.2f}",
            ("slower" if change.is_slower(at_most) else "") if change.is_known else "unknown",
        ]
        for change in changes
    ]


def require_no_slower(changes: Sequence[Change], at_most: float) -> None:
    """Refuse what became slower, and then what nothing can be said of.

    Raises:
        CheckFailedError: something became slower; all of it is named.
        MachineChangedError: nothing is known to be slower, but the machine changed.
    """
    slower = [change.name for change in changes if change.is_slower(at_most)]
    if slower:
        raise CheckFailedError(
            f"{len(slower)} of {len(changes)} take more than {at_most:g} times as long as before: "
            f"{', '.join(slower)}"
        )
    unknown = [change for change in changes if not change.is_known]
    if unknown:
        found = (
            f"{_what_the_machine_did(unknown)}: there is no result for "
            f"{len(unknown)} of {len(changes)} measurements; measure both together:"
        )
        again = "compare BUNDLE_A BUNDLE_B"
        raise MachineChangedError(
            f"{found} edgebert-run {again}", shell=f"{found} {{program}} {again}"
        )


POSITIVE: Final = Number(above=0)


@dataclass(frozen=True, kw_only=True)
class BenchRound:
    """A round of a shape, as `bench --json` writes it; of it, what is compared."""

    median_ms: Annotated[float, POSITIVE]
    yardstick_ms: Annotated[float | None, POSITIVE] = None


@dataclass(frozen=True, kw_only=True)
class BenchTiming:
    """A shape, likewise."""

    variant: str
    batch: int
    sequence: int
    threads: int
    rounds: Annotated[Sequence[BenchRound], Array(Structure(BenchRound), least=1)]

    @property
    def name(self) -> str:
        """What the timing is called."""
        return shape_name(self.variant, self.batch, self.sequence, self.threads)

    def measured(self) -> Measured:
        """Its times."""
        yardsticks = [each.yardstick_ms for each in self.rounds if each.yardstick_ms is not None]
        return Measured([each.median_ms for each in self.rounds], yardsticks, self.threads)


@dataclass(frozen=True, kw_only=True)
class BenchStart:
    """A start, likewise."""

    variant: str
    rounds_ms: Annotated[Sequence[float], Array(POSITIVE, least=1)]
    yardsticks_ms: Annotated[Sequence[float], Array(POSITIVE)] = ()

    def measured(self) -> Measured:
        """Its times."""
        return Measured(list(self.rounds_ms), list(self.yardsticks_ms))


@dataclass(frozen=True, kw_only=True)
class BenchFile:
    """The file, likewise."""

    timings: tuple[BenchTiming, ...]
    starts: tuple[BenchStart, ...]


def without_yardstick(measurements: Measurements) -> bool:
    """Whether a record is of a version that timed no yardstick."""
    return not all(each.yardsticks for each in measurements.values())


def read_record(path: Path) -> dict[str, Measured]:
    """What `bench --json` wrote, as times of every shape and start.

    Raises:
        InputError: the file cannot be read, or is not a result of `bench --json`.
    """

    def refusal(problem: str) -> InputError:
        return InputError(
            f"{path} is not a result of `bench --json`: it {problem}; measure again with --json"
        )

    try:
        content = path.read_bytes()  # may be a pipe
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    record = read_structure(BenchFile, parse_json(content, refusal), refusal)
    timed = {each.name: each.measured() for each in record.timings}
    return timed | {f"{each.variant}, start": each.measured() for each in record.starts}


def shape_name(variant: str, batch: int, sequence: int, threads: int) -> str:
    """What a timing is called."""
    return f"{variant}, {batch}×{sequence}, {threads} thread{'' if threads == 1 else 's'}"


def _fastest(measured: Sequence[Measured]) -> dict[int, float]:
    """Threads → the fastest yardstick of all rounds."""
    found: dict[int, float] = {}
    for each in measured:
        for yardstick in each.yardsticks:
            found[each.threads] = min(yardstick, found.get(each.threads, yardstick))
    return found


def _change(name: str, before: Measured, after: Measured, fastest: Mapping[int, float]) -> Change:
    if not (before.yardsticks and after.yardsticks):
        return Change(name=name, before=Quartiles.of(before.times), after=Quartiles.of(after.times))
    limit = DISTURBED * fastest[before.threads]
    kept = _undisturbed(before, limit), _undisturbed(after, limit)
    enough = all(
        len(some.times) >= SHARE_COUNTED * len(every.times)
        for some, every in zip(kept, (before, after), strict=True)
    )
    old, new = kept if enough else (before, after)
    return Change(
        name=name,
        before=Quartiles.of(old.times),
        after=Quartiles.of(new.times),
        machine=median(after.yardsticks) / median(before.yardsticks),
        counted=median(new.yardsticks) / median(old.yardsticks) if enough else None,
    )


def _undisturbed(measured: Measured, limit: float) -> Measured:
    """Only the rounds whose yardstick took at most so long."""
    rounds = zip(measured.times, measured.yardsticks, strict=True)
    kept = [(time, yardstick) for time, yardstick in rounds if yardstick <= limit]
    times, yardsticks = zip(*kept, strict=True) if kept else ((), ())
    return Measured(times, yardsticks, measured.threads)


def _cell(quartiles: Quartiles) -> str:
    return f"{quartiles.median:.2f} ({quartiles.low:.2f}…{quartiles.high:.2f})"


def _what_the_machine_did(unknown: Sequence[Change]) -> str:
    machine = median(each.machine for each in unknown if each.machine is not None)
    if machine > SAME_MACHINE:
        return f"the machine was {machine:.1f} times slower while AFTER was measured"
    if machine < 1 / SAME_MACHINE:
        return f"the machine was {1 / machine:.1f} times slower while BEFORE was measured"
    return "another program slowed the machine for a part of both measurements"
