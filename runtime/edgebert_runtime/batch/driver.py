"""The driver of a job: gives units to an engine until each has a shard, or was given up."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from edgebert_runtime import errors
from edgebert_runtime.batch.job import FAILED, SUCCESS, Job, to_json
from edgebert_runtime.batch.shards import read_tallies
from edgebert_runtime.batch.worker import UnitFailure, UnitResult
from edgebert_runtime.errors import BatchFailedError, ConfigError, EngineError
from edgebert_runtime.inference.reports import Report

ATTEMPTS: Final = 3
"""Workers that a unit may kill, and times that it may fail, before the rest goes on without it."""


class Engine(Protocol):
    """What runs units where there are cores."""

    def run(
        self,
        job: Job,
        numbers: Sequence[int],
        on_result: Callable[[UnitResult], None],
        on_failure: Callable[[UnitFailure], None],
    ) -> None:
        """Try each unit once, and tell what became of it; the driver tries again.

        It goes on when a worker dies, and tells the failure of the units that this worker was
        answering; of those that it had not begun it tells nothing, or gives them to another worker.
        It returns when no worker is at work.

        Args:
            job: whose units; workers make a `UnitWorker` of it.
            numbers: of the units.
            on_result: to be called in this thread, for each unit that has its shard.
            on_failure: likewise, for each that has none. It raises where the job must end: the
                engine then stops its workers and lets the exception pass.
        """
        ...


@dataclass(frozen=True)
class Part:
    """A share of a job's units, for several drivers without an engine between them.

    Attributes:
        index: of the share, from 0.
        count: how many shares there are.

    Raises:
        ConfigError: there is no such share.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ConfigError(
                f"part is {self.index}/{self.count}, expected I/N with I from 0 to N - 1"
            )

    def of(self, units: int) -> range:
        """Numbers of its units: each `count`th, so that shares are alike."""
        return range(self.index, units, self.count)


WHOLE: Final = Part(0, 1)


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchReport(Report):
    """What a driver did.

    Attributes:
        out: folder of the answers.
        units: of this driver's share.
        already: units that had their shard before.
        rows: of units that got their shard now.
        bad: rows among them that could not be answered.
        cut: texts among them that were longer than the model takes.
        failed: numbers of units that were given up.
        seconds: it took.
    """

    out: str
    units: int
    already: int
    rows: int
    bad: int
    cut: int
    failed: tuple[int, ...]
    seconds: float


def run_job(
    job: Job,
    engine: Engine,
    part: Part = WHOLE,
    watch: Callable[[UnitResult], None] = lambda _: None,
) -> BatchReport:
    """Give the units without a shard to an engine until each has one or was given up.

    Args:
        job: whose units.
        engine: runs them.
        part: the share of this driver.
        watch: told of each unit that has its shard now.

    Raises:
        EdgebertError: what ends the whole job, such as a source that has changed or a full disk;
            shards that are there stay.
        EngineError: the engine ran none of the units it was given.
    """
    begun, wanted = time.monotonic(), part.of(job.units)
    pending = job.pending(wanted)
    driven = _Driven(job, watch, already=len(wanted) - len(pending))
    try:
        while pending:
            told = driven.told
            engine.run(job, pending, driven.succeeded, driven.failed)
            left = job.pending(pending)
            driven.count_untold(set(pending).difference(left))
            pending = [number for number in left if not driven.is_given_up(number)]
            if pending and driven.told == told:
                raise EngineError(
                    f"{type(engine).__name__} ran none of {len(pending)} units and told no "
                    "failure; look at its own logs"
                )
    finally:
        job.folder.tidy()
    _finish(job)
    return driven.report(len(wanted), time.monotonic() - begun)


class _Driven:
    """What became of the units so far."""

    def __init__(self, job: Job, watch: Callable[[UnitResult], None], already: int) -> None:
        self._job, self._watch, self._already = job, watch, already
        self._failures: Counter[int] = Counter()
        self._rows = self._bad = self._cut = 0
        self._counted: set[int] = set()
        self.told = 0

    def succeeded(self, result: UnitResult) -> None:
        """Count a unit that has its shard."""
        self.told += 1
        self._counted.add(result.number)
        self._rows += result.rows
        self._bad += result.bad
        self._cut += result.cut
        if self._failures.pop(result.number, 0):
            self._job.folder.remove(self._job.failed_name(result.number))
        self._watch(result)

    def count_untold(self, done: set[int]) -> None:
        """Count units whose worker died after it had committed their shard."""
        untold = sorted(done - self._counted)
        for number, (rows, bad, cut) in zip(untold, read_tallies(self._job, untold), strict=True):
            self.succeeded(UnitResult(number, rows, bad, 0.0, cut))

    def failed(self, failure: UnitFailure) -> None:
        """Count a failure, and write down that of a unit that is given up."""
        self.told += 1
        if failure.error is not None:
            raise getattr(errors, failure.error)(failure.reason)
        self._failures[failure.number] += 1
        if self.is_given_up(failure.number):
            unit = self._job.unit(failure.number)
            described = {
                "unit": failure.number,
                "source": unit.source.path,
                "start": unit.start,
                "stop": unit.stop,
                "attempts": ATTEMPTS,
                "reason": failure.reason,
            }
            self._job.folder.put(self._job.failed_name(failure.number), to_json(described))

    def is_given_up(self, number: int) -> bool:
        """Whether a unit has failed too often."""
        return self._failures[number] >= ATTEMPTS

    def report(self, units: int, seconds: float) -> BatchReport:
        """What was done."""
        given_up = tuple(number for number in sorted(self._failures) if self.is_given_up(number))
        return BatchReport(
            out=self._job.out,
            units=units,
            already=self._already,
            rows=self._rows,
            bad=self._bad,
            cut=self._cut,
            failed=given_up,
            seconds=seconds,
        )


def require_all(report: BatchReport) -> None:
    """Refuse a report with units that were given up.

    Raises:
        BatchFailedError: it has some.
    """
    if report.failed:
        raise BatchFailedError(
            f"{len(report.failed)} of {report.units} units were given up after {ATTEMPTS} attempts "
            f"each, the first is {report.failed[0]}; {report.out}/{FAILED} has the reasons, and "
            "the same command tries them again"
        )


def _finish(job: Job) -> None:
    """Say that the job is whole, once every unit of every share has its shard."""
    if job.pending():
        return
    with job.folder.new_file(SUCCESS) as file:
        file.write(to_json({"fingerprint": job.fingerprint, "units": job.units}))
    job.folder.tidy(everything=True)
