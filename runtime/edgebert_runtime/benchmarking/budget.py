"""The largest batches and sequences whose time is within a budget."""

from collections.abc import Iterable, Sequence

from edgebert_runtime.benchmarking.results import BudgetResult, Timing
from edgebert_runtime.errors import CheckFailedError


def within(timings: Sequence[Timing], budget_ms: float) -> list[BudgetResult]:
    """For each variant, the largest measured shapes within the budget.

    A shape is within the budget if its `Timing.slow_ms` is: the upper quartile, over the rounds, of
    the 95th percentile of the runs. With a median, half of the runs could exceed the budget.

    Args:
        timings: of every variant, number of threads and shape.
        budget_ms: positive.
    """
    variants = dict.fromkeys(timing.variant for timing in timings)
    return [
        _within(name, [timing for timing in timings if timing.variant == name], budget_ms)
        for name in variants
    ]


def require_within(found: Sequence[BudgetResult], budget_ms: float) -> None:
    """Raise if no variant has an input within the budget.

    Raises:
        CheckFailedError: names the nearest input.
    """
    if any(each.largest is not None for each in found):
        return
    missed = [each.nearest for each in found if each.nearest is not None]
    nearest = min(missed, key=lambda timing: timing.slow_ms)
    raise CheckFailedError(
        f"no measured input is within {budget_ms:g} ms; the nearest is {nearest.setting} on "
        f"{nearest.batch} × {nearest.sequence} tokens with {nearest.slow_ms:.3g} ms; measure "
        "shorter texts, use a smaller model, or raise the budget"
    )


def _within(variant: str, timings: Sequence[Timing], budget_ms: float) -> BudgetResult:
    """Of each shape, the setting with the fewest threads."""
    by_threads = sorted(timings, key=lambda timing: timing.threads)
    fitting = {timing.shape: timing for timing in by_threads[::-1] if timing.slow_ms <= budget_ms}
    frontier = _frontier(fitting.values())
    largest = max(frontier, key=lambda timing: (timing.tokens, timing.sequence), default=None)
    nearest = min(timings, key=lambda timing: timing.slow_ms) if largest is None else None
    return BudgetResult(variant=variant, largest=largest, frontier=frontier, nearest=nearest)


def _frontier(timings: Iterable[Timing]) -> tuple[Timing, ...]:
    """The shapes that no other equals or exceeds both in texts and in tokens."""
    longest_first = sorted(timings, key=lambda timing: (timing.batch, timing.sequence))[::-1]
    kept: list[Timing] = []
    for timing in longest_first:
        if not kept or timing.sequence > kept[-1].sequence:
            kept.append(timing)
    return tuple(kept)
