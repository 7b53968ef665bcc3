"""What a graph gives is checked before an answer is made of it: shapes, and finite numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from edgebert_runtime.errors import EngineError
from edgebert_runtime.inference.arrays import Floats

Shape = tuple[str | int, ...]
"""Sizes of an output; `batch` and `sequence` stand for those of the input."""

WHAT_TO_DO: Final = "run edgebert-run check on the bundle, and export it again"


def check_shapes(
    outputs: Mapping[str, Any], declared: Mapping[str, Shape], batch: int, sequence: int
) -> None:
    """Refuse outputs that do not belong to the rows that were run.

    Args:
        outputs: name → array, as the engine gave it, or anything else that has a `shape`.
        declared: name → its shape in the manifest; only its first size is checked where a name is
            missing.
        batch: rows that were run.
        sequence: their padded length in tokens.

    Raises:
        EngineError: an output has another shape, so that it is not known what belongs to a row.
    """
    sizes: Mapping[str | int, int] = {"batch": batch, "sequence": sequence}
    for name, output in outputs.items():
        found = tuple(output.shape)
        shape = tuple(sizes.get(size, size) for size in declared.get(name, ("batch",)))
        compared = found if name in declared else found[:1]
        if len(compared) != len(shape) or any(map(_differs, shape, compared)):
            raise EngineError(
                f"the graph gave output {name!r} of shape {found} for {batch} rows of {sequence} "
                f"tokens, expected {_in_words(shape)}; {WHAT_TO_DO}"
            )


def _differs(expected: str | int, found: int) -> bool:
    """Whether a size is another; a name of the manifest that is no size of the input is any."""
    return isinstance(expected, int) and expected != found


def _in_words(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def require_finite(
    outputs: Sequence[Any],
    lengths: Iterable[int],
    rows: Sequence[int],
    owner: Callable[[int], int],
) -> None:
    """Refuse NaN and infinity among the numbers that are a row's own.

    Args:
        outputs: for each output an array or a list with an entry a row.
        lengths: tokens of each row. What lies behind them in an output for each token is padding.
        rows: number of each row.
        owner: number of a row → number of its item.

    Raises:
        EngineError: an output has some; the item has its number.
    """
    if all(map(_is_finite, outputs)):
        return
    for at, length in enumerate(lengths):
        if not all(_is_finite(_without_padding(output, at, length)) for output in outputs):
            raise EngineError(
                f"item {owner(rows[at])} has no answer: the graph gave NaN or infinity for it; "
                f"choose another variant or provider, or {WHAT_TO_DO}"
            )


def _is_finite(output: Floats | Sequence[Floats]) -> bool:
    if isinstance(output, np.ndarray):
        return bool(np.isfinite(output).all())
    return all(np.isfinite(each).all() for each in output)


def _without_padding(output: Floats | Sequence[Floats], row: int, length: int) -> Floats:
    return output[row][:length] if np.ndim(output[row]) > 1 else output[row]
