"""Vectors whose first numbers are vectors, too (Kusupati et al. 2022, Matryoshka learning)."""

from collections.abc import Sequence
from itertools import pairwise
from operator import index

from edgebert.checkpoints import Checkpoint
from edgebert_runtime.errors import ConfigError


def read_sizes(text: str) -> tuple[int, ...]:
    """Sizes such as `128,64`.

    Raises:
        ConfigError: there is something else than whole numbers between the commas.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(f"matryoshka is {text!r}, expected whole numbers such as 128,64")
    return tuple(map(int, parts))


def as_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes as Python's own integers, which JSON can hold.

    Raises:
        ConfigError: one of them is no whole number.
    """
    try:
        return tuple(map(index, sizes))
    except TypeError as error:
        raise ConfigError(
            f"matryoshka is {sizes!r}, expected whole numbers such as (128, 64)"
        ) from error


def check_sizes(sizes: Sequence[int], teacher: Checkpoint) -> None:
    """Refuse sizes that a teacher's vectors cannot be cut to.

    Args:
        sizes: how many first numbers of a vector; none is always right.
        teacher: with the vectors that are learnt.

    Raises:
        ConfigError: it gives no vectors, or the sizes do not fall from one to the next, or not
            from the vectors to the first.
    """
    if not sizes:
        return
    if teacher.embedding is None:
        raise ConfigError(f"matryoshka goes with vectors, {teacher.name} is for {teacher.task}")
    whole = teacher.embedding.dimensions
    falls = all(larger > smaller for larger, smaller in pairwise((whole, *sizes)))
    if not falls or sizes[-1] < 1:
        raise ConfigError(
            f"matryoshka is {','.join(map(str, sizes))}, expected sizes from {whole - 1} to 1, "
            f"each smaller than the one before: the vectors have {whole} dimensions"
        )
