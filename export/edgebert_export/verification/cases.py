"""The batches that a graph is compared with torch on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_export.spec import ExportSpec
from edgebert_runtime.inference.arrays import Feeds

ODD_LENGTH: Final = 17
MIXED_BATCH: Final = 3
MIXED_TOKENS: Final = 8192
"""Most of a mixed batch: memory grows with the square of a length, to 20 GB for three of 8,192."""

MIXED_NUMBERS: Final = 2**26
"""Most numbers in an output of a mixed batch, a quarter of a gigabyte: a vocabulary is wide."""

MASKS: Final = ("right", "left", "gaps")
"""Which end is padded; `gaps` drops tokens in between."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One batch to compare on."""

    name: str
    feeds: Feeds


def parity_cases(spec: ExportSpec, seed: int = 0) -> Iterator[Case]:
    """Lengths 1, 2, an odd one, the text limit and all positions; batches of one and mixed.

    Where all positions are too many for a whole mixed batch, the most that are not come, too.
    """
    random = np.random.default_rng(seed)
    most = _most_tokens(spec)
    usual = (1, 2, ODD_LENGTH, spec.text_limit, most // MIXED_BATCH)
    longest = spec.max_positions
    lengths = sorted({length for length in usual if 0 < length < longest} | {longest})
    for length in lengths:
        yield _case(f"1x{length} full", np.ones((1, length), dtype=np.int64), spec, random)
        for mask in MASKS if length > 1 else ():
            keep = _mask(mask, length, most, random)
            yield _case(f"{len(keep)}x{length} {mask}", keep, spec, random)
    middle = min(lengths[len(lengths) // 2], max(1, most // MIXED_BATCH))
    keep = np.ones((MIXED_BATCH, middle), dtype=np.int64)
    keep[1] = 0
    yield _case(f"{MIXED_BATCH}x{keep.shape[1]} row without tokens", keep, spec, random)


def _most_tokens(spec: ExportSpec) -> int:
    """Of a mixed batch."""
    widths = [size for item in spec.outputs if item.per_token for size in item.shape[2:]]
    widest = max((size for size in widths if isinstance(size, int)), default=1)
    return min(MIXED_TOKENS, MIXED_NUMBERS // widest)


def _mask(kind: str, length: int, most: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(rows, length); the first of several rows is full, as in any padded batch."""
    rows = max(1, min(MIXED_BATCH, most // length))
    mask = np.ones((rows, length), dtype=np.int64)
    for row in range(min(1, rows - 1), rows):
        kept = int(random.integers(1, length))
        if kind == "right":
            mask[row, kept:] = 0
        elif kind == "left":
            mask[row, : length - kept] = 0
        else:
            mask[row, random.permutation(length)[kept:]] = 0
    return mask


def _case(
    name: str, mask: NDArray[np.int64], spec: ExportSpec, random: np.random.Generator
) -> Case:
    feeds = {
        item.name: mask
        if item.name == "attention_mask"
        else random.integers(0, item.upper, mask.shape, dtype=np.int64)
        for item in spec.inputs
    }
    return Case(name=name, feeds=feeds)
