"""Put together what chunks and windows gave."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.inference.arrays import Floats

Window = TypeVar("Window")


def gather(parts: Iterable[NDArray[Any]], count: int) -> NDArray[Any] | None:
    """Rows of all parts in one array of `count` rows; None if there is no part.

    Filled as the parts come, so that they are never held twice.
    """
    whole: NDArray[Any] | None = None
    done = 0
    for part in parts:
        if len(part) == count:
            return part
        if whole is None:
            whole = np.empty((count, *part.shape[1:]), part.dtype)
        whole[done : done + len(part)] = part
        done += len(part)
    return whole


def weighted_means(rows: Floats, owners: Sequence[int], weights: Sequence[int]) -> Floats:
    """For each owner the mean of its rows, each as often as its weight.

    Args:
        rows: (rows, …)
        owners: of each row, rising, none left out.
        weights: of each row.

    Returns:
        (owners, …), float32
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    if len(starts) == len(rows):
        return rows
    weight = np.asarray(weights, np.float32)
    scaled = rows * weight.reshape(-1, *[1] * (rows.ndim - 1))
    totals = np.add.reduceat(weight, starts).reshape(-1, *[1] * (rows.ndim - 1))
    means = np.add.reduceat(scaled, starts, axis=0) / totals
    return means.astype(np.float32, copy=False)


def most_context(
    windows: Iterable[Window], length: Callable[[Window], int], shared: int
) -> Iterator[tuple[Window, range]]:
    """Each window with those of its places that lie deeper in it than in its neighbours.

    Every place is in one of them: each half of an overlap is of the window that has more around
    it.

    Args:
        windows: neighbours, in order.
        length: places of a window.
        shared: places that neighbours share.
    """
    before: Window | None = None
    first = 0
    for window in windows:
        if before is not None:
            yield before, range(first, length(before) - shared // 2)
            first = shared - shared // 2
        before = window
    if before is not None:
        yield before, range(first, length(before))


def max_pool(rows: Floats, owners: Sequence[int]) -> Floats:
    """For each owner the largest of its rows. Shapes: (rows, …) to (owners, …)."""
    largest: Floats = np.maximum.reduceat(rows, np.flatnonzero(np.diff(owners, prepend=-1)), axis=0)
    return largest
