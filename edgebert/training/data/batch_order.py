"""The order of rows: random, with rows of similar length in one batch, to pad less."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

POOL: Final = 50
"""Steps among which rows are sorted by length; enough to pad little, few enough to mix well."""


def make_batches(
    lengths: Sequence[int], width: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """The rows of each step of one epoch, `width` a step; each row once, the short step last."""
    shuffled = rng.permutation(len(lengths))
    sizes = np.asarray(lengths)
    pools = [
        shuffled[start : start + POOL * width] for start in range(0, len(shuffled), POOL * width)
    ]
    alike = np.concatenate([pool[np.argsort(sizes[pool], kind="stable")] for pool in pools])
    whole = len(alike) // width
    steps = [alike[number * width : (number + 1) * width] for number in rng.permutation(whole)]
    rest = alike[whole * width :]
    return [*steps, rest] if len(rest) else steps
