"""The largest difference between two runs of one case, in slices of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_export.spec import ExportSpec
from edgebert_export.verification.cases import Case

SLICE: Final = 2**20
"""Numbers that are compared at once, in float64."""

Outputs = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Which rows of an output, tokens or texts, are compared.

    Attributes:
        compared: where the reference says something.
        zero: where the output must be exactly zero, whatever the reference says.
    """

    compared: NDArray[np.bool_]
    zero: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The largest difference in one output.

    Attributes:
        size: |found − expected| over max(1, |expected|): absolute for numbers up to 1, relative
            for larger ones. Infinite where NaN or infinity was found.
        at: index in the output.
    """

    size: float
    at: tuple[int, ...]


def compared_rows(case: Case, spec: ExportSpec, *, unpadded: bool) -> dict[str, Rows]:
    """Output → which of its tokens or texts torch says something of."""
    mask = case.feeds["attention_mask"]
    some: NDArray[np.bool_] = mask.max(axis=1) > 0
    read = some
    if _is_mean(spec):
        read = np.ones_like(some)
    elif unpadded and _reads_first(spec):
        read = mask[:, 0] > 0
    nowhere = np.zeros_like(mask, dtype=np.bool_)
    return {
        item.name: Rows(compared=mask > 0, zero=nowhere)
        if item.per_token
        else Rows(compared=read, zero=read & ~some)
        for item in spec.outputs
    }


def _is_mean(spec: ExportSpec) -> bool:
    """Whether a text without tokens has a vector of zeros."""
    means = spec.embeds and spec.steps[0].modes == ("mean",)
    return means and all(step.kind != "dense" for step in spec.steps)


def _reads_first(spec: ExportSpec) -> bool:
    """Whether what is said of a text is said of its first token."""
    return not spec.embeds or any("cls" in step.modes for step in spec.steps)


def differences(
    found: Outputs, expected: Outputs, rows: Mapping[str, Rows]
) -> dict[str, Difference]:
    """Output → the largest difference where rows are compared; NaN or infinity counts anywhere."""
    return {name: _largest(found[name], expected[name], rows[name]) for name in rows}


def _largest(found: NDArray[np.floating], expected: NDArray[np.floating], rows: Rows) -> Difference:
    """In slices: float64 copies of a whole output would be twice its size each."""
    count = rows.compared.size
    flat, other = found.reshape(count, -1), expected.reshape(count, -1)
    compared, zero = rows.compared.ravel(), rows.zero.ravel()
    width = flat.shape[1]
    step = max(1, SLICE // width)
    size, place = -1.0, 0
    for start in range(0, count, step):
        part = slice(start, start + step)
        off = _off(flat[part], other[part], compared[part], zero[part])
        index = int(off.argmax())
        if off.flat[index] > size:
            size, place = float(off.flat[index]), start * width + index
    at = np.unravel_index(place, found.shape)
    return Difference(size=size, at=tuple(int(index) for index in at))


def _off(
    found: NDArray[np.floating],
    expected: NDArray[np.floating],
    compared: NDArray[np.bool_],
    zero: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """(rows, width) each, and (rows,)."""
    target = np.where(zero[:, None], 0.0, expected.astype(np.float64))
    with np.errstate(invalid="ignore"):
        off: NDArray[np.float64] = np.abs(found - target) / np.maximum(1, np.abs(target))
    off[zero] = np.where(found[zero] == 0, 0, np.inf)
    off[~compared] = 0
    off[~np.isfinite(found) | np.isnan(off)] = np.inf
    return off
