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


def micro_batches(lengths: Sequence[int], budget_tokens: int) -> Iterator[list[int]]:
    """Yield the indices of each micro-batch, longest texts first.

    Texts are sorted by length, so that a batch pads little; a batch holds at most
    `budget_tokens` tokens, padding included, and at least one text. Longest first, so that
    memory peaks at once and not at the end.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
