"""Compare two bundles by measuring both in one run: each setting of one beside that of the other.

Rounds are paired, and the order alternates, so that a machine that is slow slows both. The test is
a one-sided sign test. That B takes at most `at_most` times as long as A is rejected where it takes
longer in every round that counts. A round counts if the yardsticks beside its two measurements are
alike. There are as many rounds as keep the false-positive rate of all measurements together at
1/16 (`rounds_needed`).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from statistics import median
from typing import Any, Final, NamedTuple

from edgebert_runtime.benchmarking.comparison import shape_name
from edgebert_runtime.benchmarking.disturbance import DISTURBED
from edgebert_runtime.benchmarking.options import BenchOptions, Plan, plan
from edgebert_runtime.benchmarking.ranking import FEWEST_RANKED
from edgebert_runtime.benchmarking.sweep import Job, run_job
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.errors import CheckFailedError, ConfigError, MachineChangedError
from edgebert_runtime.measurement.rounds import alternating_rounds
from edgebert_runtime.measurement.sign_test import is_faster_in_every_round

COLUMNS: Final = ("", "A, ms", "B, ms", "ratio", "rounds", "")
FALSE_POSITIVE_RATE: Final = 1 / 16
MOST_REPEATS: Final = 2
"""So many times the rounds that are needed are measured at most, where some do not count."""


class Timed(NamedTuple):
    """One measurement of a round, and the yardstick beside it, in ms."""

    ms: float
    yardstick_ms: float


@dataclass(frozen=True, kw_only=True)
class PairedJob:
    """A process that measures one of the two; `side` is 0 for A and 1 for B."""

    side: int
    plan: Plan
    job: Job
    label: str


@dataclass(frozen=True, kw_only=True)
class PairedChange:
    """One thing that was measured of both.

    Attributes:
        name: of it.
        a, b: measurements, one a round.
        needed: rounds that must count.
    """

    name: str
    a: Sequence[Timed]
    b: Sequence[Timed]
    needed: int

    @property
    def counted(self) -> list[tuple[float, float]]:
        """The times of A and B, in ms, in the rounds that count."""
        return [
            (one.ms, other.ms)
            for one, other in zip(self.a, self.b, strict=True)
            if 1 / DISTURBED <= other.yardstick_ms / one.yardstick_ms <= DISTURBED
        ]

    @property
    def ratio(self) -> float | None:
        """The median over the rounds that count of B's time over A's; None if none does."""
        ratios = [other / one for one, other in self.counted]
        return median(ratios) if ratios else None

    @property
    def is_known(self) -> bool:
        """Whether enough rounds count."""
        return len(self.counted) >= self.needed

    def is_slower(self, at_most: float) -> bool:
        """Whether B took more than `at_most` times as long as A in every round that counts."""
        allowed = [at_most * one for one, _ in self.counted]
        measured = [other for _, other in self.counted]
        return self.is_known and is_faster_in_every_round(allowed, measured)


def rounds_needed(measurements: int) -> int:
    """Rounds after which all measurements together have the false-positive rate; at least five.

    Of equally fast bundles one measurement is slower in all n rounds with probability 2⁻ⁿ.
    """
    return max(FEWEST_RANKED, math.ceil(math.log2(measurements / FALSE_POSITIVE_RATE)))


def plan_pair(
    folders: tuple[str | PathLike[str], str | PathLike[str]],
    variants: tuple[str, str] | None,
    options: BenchOptions,
) -> tuple[Plan, Plan]:
    """Plans of the same shapes and threads, whose variants stand beside each other.

    Args:
        folders: of A and B.
        variants: one of each, as `load` takes them; None takes those that both have by name.
        options: what to measure of both.

    Raises:
        BundleError: a manifest cannot be read.
        ConfigError: as `plan`; or the two have no variant or no shape in common.
    """
    asked = [options.variants] * 2 if variants is None else [(name,) for name in variants]
    plans = [
        plan(Bundle.open(folder), replace(options, variants=names))
        for folder, names in zip(folders, asked, strict=True)
    ]
    shapes = [shape for shape in plans[0].shapes if shape in plans[1].shapes]
    names = [list(each.variants) for each in plans]
    if variants is None:
        names = [[name for name in names[0] if name in names[1]]] * 2
    if not names[0] or not shapes:
        raise ConfigError(
            f"{folders[0]} and {folders[1]} share no {'shape' if names[0] else 'variant'}; name "
            "one variant of each with --variant A,B, and shapes with --batches and --sequences"
        )
    one, other = (
        replace(each, variants=own, shapes=shapes) for each, own in zip(plans, names, strict=True)
    )
    return one, other


def measure_pair(
    plans: tuple[Plan, Plan],
    track: Callable[[Iterable[PairedJob]], Iterable[PairedJob]] = iter,
    run: Callable[[Plan, Job], Any] = run_job,
) -> list[PairedChange]:
    """Measure both plans in alternating rounds.

    Args:
        plans: of `plan_pair`.
        track: iterates over the measuring processes, and may show progress.
        run: measures a job of a plan, as `run_job` does in a process of its own.

    Raises:
        EdgebertError: a measuring process failed; the text names the job and has its last line.
    """
    once, (first, _) = list(_once(plans)), plans
    settings = len(once) // 2
    starts = len(first.variants)
    needed = rounds_needed((settings - starts) * len(first.shapes) + starts)
    found: dict[str, tuple[list[Timed], list[Timed]]] = {}

    def jobs() -> Iterator[PairedJob]:
        for number, order in enumerate(alternating_rounds(once, MOST_REPEATS * needed)):
            if number >= needed and all(each.is_known for each in _changes(found, needed)):
                return
            yield from order

    for each in track(jobs()):
        for name, timed in _timed(each, run(each.plan, each.job)):
            found.setdefault(name, ([], []))[each.side].append(timed)
    return _changes(found, needed)


def paired_rows(changes: Sequence[PairedChange], at_most: float) -> list[list[str]]:
    """Cells below `COLUMNS`, a row a change."""
    return [_cells(change, at_most) for change in changes]


def require_no_slower_pair(changes: Sequence[PairedChange], at_most: float) -> None:
    """Refuse what is slower in B, and then what nothing can be said of.

    Raises:
        CheckFailedError: something is slower; all of it is named.
        MachineChangedError: nothing is known to be slower, but too few rounds count.
    """
    slower = [change.name for change in changes if change.is_slower(at_most)]
    if slower:
        raise CheckFailedError(
            f"{len(slower)} of {len(changes)} take more than {at_most:g} times as long with B in "
            f"every round: {', '.join(slower)}"
        )
    unknown = [change for change in changes if not change.is_known]
    if unknown:
        raise MachineChangedError(
            f"another program slowed the machine: fewer than {unknown[0].needed} rounds count, so "
            f"there is no result for {len(unknown)} of {len(changes)} measurements; measure again "
            "when the machine is quieter"
        )


def _once(plans: tuple[Plan, Plan]) -> Iterator[PairedJob]:
    """The processes of one round: what is compared stands side by side."""
    a, b = plans
    for names in zip(a.variants, b.variants, strict=True):
        label = names[0] if names[0] == names[1] else " → ".join(names)
        for threads in (*a.threads, None):
            for side, (own, name) in enumerate(zip(plans, names, strict=True)):
                job = Job(variant=name, threads=threads)
                yield PairedJob(side=side, plan=own, job=job, label=label)


def _timed(paired: PairedJob, found: Any) -> Iterator[tuple[str, Timed]]:
    """What one process has measured: name → time."""
    threads = paired.job.threads
    if threads is None:
        yield f"{paired.label}, start", Timed(*found)
        return
    for (batch, sequence), shape in zip(paired.plan.shapes, found["shapes"], strict=True):
        name = shape_name(paired.label, batch, sequence, threads)
        yield name, Timed(shape["median_ms"], shape["yardstick_ms"])


def _changes(
    found: Mapping[str, tuple[Sequence[Timed], Sequence[Timed]]], needed: int
) -> list[PairedChange]:
    return [PairedChange(name=name, a=a, b=b, needed=needed) for name, (a, b) in found.items()]


def _cells(change: PairedChange, at_most: float) -> list[str]:
    times = [f"{median(each.ms for each in side):.2f}" for side in (change.a, change.b)]
    verdict = ("slower" if change.is_slower(at_most) else "") if change.is_known else "unknown"
    ratio = "" if change.ratio is None else f"{change.ratio:.2f}"
    rounds = f"{len(change.counted)} of {len(change.a)}"
    return [change.name, *times, ratio, rounds, verdict]
