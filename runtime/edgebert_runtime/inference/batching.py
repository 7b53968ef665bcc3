"""Cut texts into chunks as they come, and chunks into micro-batches of similar length."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Items in lists of at most `size`, taken as they are needed."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def micro_batches(
    lengths: Sequence[int], budget_tokens: int, max_padding: float = 1.0
) -> Iterator[list[int]]:
    """Yield the indices of each micro-batch, longest texts first.

    Texts are sorted by length, so that a batch pads little. Longest first, so that memory peaks at
    once and not at the end.

    Args:
        lengths: of each text in tokens.
        budget_tokens: that a batch holds at most, padding included; one text is taken anyway.
        max_padding: share of them that may be padding, 0 to 1.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    batch: list[int] = []
    tokens = 0
    for index in order:
        padded = (len(batch) + 1) * lengths[batch[0]] if batch else 0
        if padded > budget_tokens or padded - tokens - lengths[index] > max_padding * padded:
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += lengths[index]
    if batch:
        yield batch
