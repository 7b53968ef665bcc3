"""Run contenders in turn, each time in a fresh process, and compare them pair by pair."""

import argparse
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

Name = TypeVar("Name")
Result = TypeVar("Result")
FEWEST_ROUNDS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Our time over a peer's, one ratio a round: median and quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}…{self.high:.2f})"


def in_turn(
    contenders: Mapping[Name, Callable[[], Result]], rounds: int
) -> dict[Name, list[Result]]:
    """A B, B A, A B …: each contender once a round, so that a drifting machine favours nobody."""
    results: dict[Name, list[Result]] = {name: [] for name in contenders}
    for number in range(rounds):
        order = list(contenders) if number % 2 == 0 else list(contenders)[::-1]
        for name in order:
            results[name].append(contenders[name]())
    return results


def rounds_of(text: str) -> int:
    """A number of rounds from the command line; quartiles need two.

    Raises:
        argparse.ArgumentTypeError: it is below 2 or no number.
    """
    if not text.isdecimal() or int(text) < FEWEST_ROUNDS:
        raise argparse.ArgumentTypeError(f"at least {FEWEST_ROUNDS} rounds, got {text!r}")
    return int(text)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Compare two contenders' rounds, at least two of them, pair by pair."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, median, high = statistics.quantiles(pairs, n=4, method="inclusive")
    return Ratio(median=median, low=low, high=high)


def output_of(command: Sequence[str]) -> str:
    """Standard output of a command.

    Raises:
        RuntimeError: it failed; its last words are in the text.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:3]} failed: {done.stderr.strip()[-800:]}")
    return done.stdout
