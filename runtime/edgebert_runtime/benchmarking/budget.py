"""The largest batch and sequence that are answered within so many milliseconds."""

from collections.abc import Iterable, Sequence

from edgebert_runtime.benchmarking.results import BudgetResult, Timing
from edgebert_runtime.errors import CheckFailedError


def within(timings: Sequence[Timing], budget_ms: float) -> list[BudgetResult]:
    """For each variant, what keeps the budget: nothing is said of shapes that were not measured.

    A shape keeps it if 95 % of its runs took no longer, in all but the worst quarter of the rounds
    (`Timing.slow_ms`): a median within the budget would leave every second answer late.

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
    """Raise if no variant keeps the budget.

    Raises:
        CheckFailedError: with what comes nearest.
    """
    if any(each.largest is not None for each in found):
        return
    missed = [each.nearest for each in found if each.nearest is not None]
    nearest = min(missed, key=lambda timing: timing.slow_ms)
    raise CheckFailedError(
        f"nothing that was measured is answered within {budget_ms:g} ms; nearest is "
        f"{nearest.setting} on {nearest.batch} × {nearest.sequence} tokens, which takes "
        f"{nearest.slow_ms:.3g} ms; measure shorter texts, take a smaller model, or allow more"
    )


def _within(variant: str, timings: Sequence[Timing], budget_ms: float) -> BudgetResult:
    """Fewest threads first, so that of the same shape the cheapest is taken."""
    by_threads = sorted(timings, key=lambda timing: timing.threads)
    fitting = {timing.shape: timing for timing in by_threads[::-1] if timing.slow_ms <= budget_ms}
    frontier = _frontier(fitting.values())
    largest = max(frontier, key=lambda timing: (timing.tokens, timing.sequence), default=None)
    nearest = min(timings, key=lambda timing: timing.slow_ms) if largest is None else None
    return BudgetResult(variant=variant, largest=largest, frontier=frontier, nearest=nearest)


def _frontier(timings: Iterable[Timing]) -> tuple[Timing, ...]:
    """Those that no other is as large as both in texts and in tokens of each; shapes differ."""
    longest_first = sorted(timings, key=lambda timing: (timing.batch, timing.sequence))[::-1]
    kept: list[Timing] = []
    for timing in longest_first:
        if not kept or timing.sequence > kept[-1].sequence:
            kept.append(timing)
    return tuple(kept)
