"""Measure contenders in alternating order, so that a drifting machine favours none of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

Contender = TypeVar("Contender")
Result = TypeVar("Result")


def alternating_rounds(contenders: Sequence[Contender], rounds: int) -> Iterator[list[Contender]]:
    """The order of each round: A B C, C B A, A B C …

    Over an even number of rounds all contenders have the same mean position.
    """
    for number in range(rounds):
        yield list(contenders if number % 2 == 0 else reversed(contenders))


def measure_in_rounds(
    measures: Mapping[Contender, Callable[[], Result]], rounds: int
) -> dict[Contender, list[Result]]:
    """Measure every contender once a round, in alternating order.

    Returns:
        contender → its results, one per round
    """
    results: dict[Contender, list[Result]] = {contender: [] for contender in measures}
    for order in alternating_rounds(list(measures), rounds):
        for contender in order:
            results[contender].append(measures[contender]())
    return results
