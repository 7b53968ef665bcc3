"""Results of a benchmark, as values and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Annotated, Any, Final, NamedTuple, Self

from edgebert_runtime.inference.reports import AsDict, Report
from edgebert_runtime.storage.json_values import Array, Integer, Number, Structure

KIND: Final = "bench"
VERSION: Final = 1
"""Of the results as JSON: what they are of, and their format."""

POSITIVE: Final = Number(above=0)
COUNT: Final = Integer(1)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A variant with a number of intra-operator threads."""

    variant: str
    threads: int

    def __str__(self) -> str:
        return f"{self.variant} with {self.threads} thread{'' if self.threads == 1 else 's'}"


class Quartiles(NamedTuple):
    """The quartiles of a number over the rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of at least one value; interpolated between two rounds."""
        several = len(values) > 1
        return cls(*(quantiles(values, n=4, method="inclusive") if several else (values[0],) * 3))

    @property
    def spread(self) -> float:
        """The noise: the interquartile range divided by the median."""
        return (self.high - self.low) / self.median


@dataclass(frozen=True, kw_only=True)
class Round:
    """One shape in one process.

    Attributes:
        median_ms: of its runs.
        p95_ms: 95th percentile of its runs; of fewer than twenty runs the longest.
        samples: how many runs.
        yardstick_ms: mean of a fixed product's times just before these runs and just after them, on
            as many threads; tells how fast the machine was.
    """

    median_ms: Annotated[float, POSITIVE]
    p95_ms: Annotated[float, POSITIVE]
    samples: Annotated[int, COUNT]
    yardstick_ms: Annotated[float, POSITIVE]


@dataclass(frozen=True, kw_only=True)
class Timing(AsDict):
    """One shape of one setting.

    Attributes:
        variant: which.
        threads: intra-operator threads.
        batch: texts at once.
        sequence: tokens of each, all of them kept.
        rounds: each in a process of its own.
        peak_memory_bytes: of the process after this shape and all with fewer tokens, at most; 0
            where the system does not say.
    """

    variant: str
    threads: Annotated[int, COUNT]
    batch: Annotated[int, COUNT]
    sequence: Annotated[int, COUNT]
    rounds: Annotated[Sequence[Round], Array(Structure(Round), least=1)]
    peak_memory_bytes: Annotated[int, Integer(0, 2**63 - 1)]

    @property
    def setting(self) -> Setting:
        """What was opened."""
        return Setting(variant=self.variant, threads=self.threads)

    @property
    def shape(self) -> tuple[int, int]:
        """Batch and sequence."""
        return self.batch, self.sequence

    @property
    def tokens(self) -> int:
        """In all."""
        return self.batch * self.sequence

    @property
    def medians_ms(self) -> list[float]:
        """One a round."""
        return [each.median_ms for each in self.rounds]

    @property
    def quartiles_ms(self) -> Quartiles:
        """Of the rounds' medians."""
        return Quartiles.of(self.medians_ms)

    @property
    def slow_ms(self) -> float:
        """The upper quartile, over the rounds, of the 95th percentile of the runs."""
        return Quartiles.of([each.p95_ms for each in self.rounds]).high

    @property
    def samples(self) -> int:
        """Runs in all rounds."""
        return sum(each.samples for each in self.rounds)

    @property
    def texts_per_second(self) -> float:
        """By the median round."""
        return 1000 * self.batch / self.quartiles_ms.median

    @property
    def tokens_per_second(self) -> float:
        """By the median round."""
        return self.texts_per_second * self.sequence


@dataclass(frozen=True, kw_only=True)
class Start(AsDict):
    """A whole process that loads a variant and answers one text.

    Attributes:
        variant: which.
        size_bytes: its graph with external data, on disk.
        warm: whether a cached graph ran, as `warm` writes it.
        rounds_ms: one process each, with the default number of threads.
        yardsticks_ms: mean of a fixed product's times on one thread, just before each process and
            just after it.
    """

    variant: str
    size_bytes: Annotated[int, Integer(0, 2**63 - 1)]
    warm: bool
    rounds_ms: Annotated[Sequence[float], Array(POSITIVE, least=1)]
    yardsticks_ms: Sequence[float]

    @property
    def quartiles_ms(self) -> Quartiles:
        """Of the rounds."""
        return Quartiles.of(self.rounds_ms)


@dataclass(frozen=True, kw_only=True)
class PairwiseWin:
    """A setting, and those of its own group that it was faster than in every round."""

    setting: Setting
    slower: Sequence[Setting]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Settings by their time on one batch, all sequences together.

    Attributes:
        batch: texts at once.
        groups: the fastest first; within a group there is no order.
        leads: what is known within groups; all other members of a group are level.
        best: of those that nothing is faster than, the one that costs least; None where there
            were too few rounds to say.
        level_with: the others that nothing is faster than.
    """

    batch: int
    groups: Sequence[Sequence[Setting]]
    leads: Sequence[PairwiseWin] = ()
    best: Setting | None = None
    level_with: Sequence[Setting] = ()


@dataclass(frozen=True, kw_only=True)
class TunedSettings:
    """How `load` should run one variant here; what `--store` keeps.

    Attributes:
        variant: which.
        threads: how many there are.
        latency_threads: with how many of them one text is answered soonest, and with no fewer as
            soon.
        micro_batch_tokens: padded tokens that many texts should be run in.
        workers: whether micro-batches of many texts run in parallel, each on one thread.
        max_padding: share of those tokens that may be padding, 0 to 1.
    """

    variant: str
    threads: int
    latency_threads: int
    micro_batch_tokens: int
    workers: bool
    max_padding: float


@dataclass(frozen=True, kw_only=True)
class BudgetResult:
    """What of one variant is answered within a budget; measured shapes only.

    Attributes:
        variant: which.
        largest: the most tokens; None if nothing is.
        frontier: shapes that no other one within the budget has both as many texts and as many
            tokens as, each with the fewest threads; the largest batch first.
        nearest: where nothing is, what comes nearest to it.
    """

    variant: str
    largest: Timing | None
    frontier: Sequence[Timing]
    nearest: Timing | None


@dataclass(frozen=True, kw_only=True, repr=False)
class BenchResults(Report):
    """What one benchmark measured, and what follows from it.

    Attributes:
        bundle: name of the folder.
        bundle_sha256: of its manifest, which has the hashes of all its files.
        task: what the model does.
        default: the variant that `load` takes without an argument; None if there is none.
        machine: what computes: distribution → version, `provider`, `cpu`; and `flags`, `cores`
            the process may use, `load` (the average of the minute before; None where the system
            has none) and `governor` (None where it is not readable).
        rounds: how often everything was measured.
        seconds: about how long a shape was run in a round.
        left_out: variant → why it does not run here.
        timings: of every variant, number of threads and shape.
        starts: of every variant.
        latency: settings on the smallest batch.
        throughput: settings on the largest batch.
        tuned: of the best variant for throughput; None where there were too few rounds to say
            which that is, or on another provider than the CPU.
        budget_ms: what was asked for, or None.
        within: what is answered within it, of each variant.
    """

    bundle: str
    bundle_sha256: str
    task: str
    default: str | None
    machine: Mapping[str, Any]
    rounds: int
    seconds: float
    left_out: Mapping[str, str]
    timings: Annotated[Sequence[Timing], Array(Structure(Timing), least=1)]
    starts: Annotated[Sequence[Start], Array(Structure(Start), least=1)]
    latency: Choice
    throughput: Choice
    tuned: TunedSettings | None = None
    budget_ms: float | None = None
    within: Sequence[BudgetResult] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it, and beside each timing and start what follows from its rounds."""
        return {
            "kind": KIND,
            "version": VERSION,
            **super().to_dict(),
            "timings": [_timing(each) for each in self.timings],
            "starts": [_start(each) for each in self.starts],
            "within": [_within(each) for each in self.within],
        }

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"


def _timing(timing: Timing) -> dict[str, Any]:
    return {
        **timing.to_dict(),
        "quartiles_ms": timing.quartiles_ms._asdict(),
        "slow_ms": timing.slow_ms,
        "samples": timing.samples,
        "texts_per_second": timing.texts_per_second,
        "tokens_per_second": timing.tokens_per_second,
    }


def _start(start: Start) -> dict[str, Any]:
    return {**start.to_dict(), "quartiles_ms": start.quartiles_ms._asdict()}


def _within(within: BudgetResult) -> dict[str, Any]:
    """Without the rounds, which stand among the timings."""
    return {
        "variant": within.variant,
        "largest": _place(within.largest),
        "frontier": [_place(each) for each in within.frontier],
        "nearest": _place(within.nearest),
    }


def _place(timing: Timing | None) -> dict[str, Any] | None:
    if timing is None:
        return None
    where = {"threads": timing.threads, "batch": timing.batch, "sequence": timing.sequence}
    return {**where, "slow_ms": timing.slow_ms}
