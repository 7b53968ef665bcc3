"""Run systems in turn, each time in a fresh process, and compare them pair by pair."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar

from benchmarks.peers.forking import LAST_WORDS
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.measurement.rounds import alternating_rounds

Name = TypeVar("Name")
Result = TypeVar("Result")
FEWEST_ROUNDS: Final = 2


class PeerError(RuntimeError):
    """A system cannot be installed, failed, or answered wrongly; the text says which."""


class Ratio(Quartiles):
    """One time over another, one ratio a round: median and quartiles."""

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}…{self.high:.2f})"


@dataclass
class Outcome(Generic[Result]):
    """What became of a system.

    Attributes:
        results: one a round.
        failure: why there are no more; empty if there was none.
    """

    results: list[Result] = field(default_factory=list)
    failure: str = ""


def in_turn(
    systems: Mapping[Name, Callable[[], Result]], rounds: int
) -> dict[Name, Outcome[Result]]:
    """Run each system once a round, in alternating order.

    One that raises `PeerError` runs no more, and its outcome says why.
    """
    outcomes: dict[Name, Outcome[Result]] = {name: Outcome() for name in systems}
    for number, order in enumerate(alternating_rounds(list(systems), rounds), start=1):
        for name in order:
            said = ", ".join(map(str, name)) if isinstance(name, tuple) else name
            _run(systems[name], outcomes[name], f"round {number} of {rounds}, {said}")
    return outcomes


def _run(system: Callable[[], Result], outcome: Outcome[Result], what: str) -> None:
    if outcome.failure:
        return
    begun = time.monotonic()
    try:
        outcome.results.append(system())
    except PeerError as error:
        outcome.failure = str(error)
    print(f"{what}: {outcome.failure or f'{time.monotonic() - begun:.1f} s'}", file=sys.stderr)


def ratio(times: Sequence[float], others: Sequence[float]) -> Ratio:
    """Compare two systems' rounds pair by pair."""
    return Ratio.of([a / b for a, b in zip(times, others, strict=True)])


def output_of(
    command: Sequence[str], *, cores: int | None = None, limit_s: float | None = None
) -> str:
    """Standard output of a command on the first `cores` cores, ended after `limit_s` seconds.

    Raises:
        PeerError: it failed, and its last words are in the text; or it did not end in time.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=confined(cores),
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{' '.join(command[1:3])[:200]} hangs: {limit_s:g} s") from error
    if done.returncode:
        raise PeerError(
            f"{' '.join(command[1:3])[:200]} failed: {done.stderr.strip()[-LAST_WORDS:]}"
        )
    return done.stdout


def confined(cores: int | None) -> Callable[[], None] | None:
    """What a new process calls to have so many cores, the first ones; None is all."""
    return None if cores is None else partial(os.sched_setaffinity, 0, first_cores(cores))


def first_cores(count: int) -> set[int]:
    """The numbers of that many cores this process may use."""
    return set(sorted(os.sched_getaffinity(0))[:count])
