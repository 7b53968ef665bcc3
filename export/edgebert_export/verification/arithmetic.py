"""Torch in other arithmetic: float64, or float32 whose results are moved by one rounding.

Both are dispatch modes (`torch.utils._python_dispatch`), which see each operation of any module.
So no copy of the module is made: weights are widened for the one operation that reads them, a
large matrix in pieces.
"""

from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

PIECE: Final = 2**22
"""Most elements of a weight that are widened at once: 32 MB."""

LARGE: Final = 2**24
"""A product of more elements is kept in float32: it is off by half a unit in the last place, and
would take an eighth of a gigabyte or more."""

COPIES: Final = frozenset({"embedding", "index", "index_select", "gather", "clone", "cat", "stack"})
"""Operations beside views that compute nothing: what they read need not be widened."""

UNMOVED: Final = 1e30
"""A larger value is the score of a dropped token, and has no room to be moved; nor is 0 moved,
which is a dropped token's weight."""


class Float64(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Computes in float64 what a module asks for in float32.

    Attributes:
        narrowed: operations that gave float32 of float64 in spite of it, in order.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.narrowed: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Widen, run, and look at what came out."""
        given = {**(kwargs or {})}
        if given.get("dtype") is torch.float32:
            given["dtype"] = torch.float64
        wide = any(one.dtype is torch.float64 for one in _tensors((args, given)))
        if not wide and _only_copies(func):
            return func(*args, **given)
        product = None if given else _product(func, args)
        if product is not None:
            return product
        if not func._schema.is_mutable or _first_is_wide(args):  # noqa: SLF001 # no other way
            args, given = _widened((args, given))
        outputs = func(*args, **given)
        if wide and any(one.dtype is torch.float32 for one in _tensors(outputs)):
            self.narrowed.append(str(func))
        return outputs


class Moved(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Moves each float32 result to the next float32 above or below, at random.

    What comes out is as far from the exact answer as float32 in another order of sums would be
    (Parker, Monte Carlo Arithmetic, 1997).
    """

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._random = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run, and move what came out."""
        outputs = func(*args, **(kwargs or {}))
        if func._schema.is_mutable or _only_copies(func):  # noqa: SLF001 # no other way
            return outputs
        return tree_map_only(Tensor, self._moved, outputs)

    def _moved(self, result: Tensor) -> Tensor:
        """In place, a large one in pieces."""
        if result.dtype is torch.float32:
            pieces = torch.split(result.view(-1), PIECE) if result.is_contiguous() else (result,)
            for piece in pieces:
                up = torch.empty_like(piece).random_(0, 2, generator=self._random) > 0
                there = torch.where(up, torch.inf, -torch.inf)
                free = (piece != 0) & (piece.abs() < UNMOVED)
                piece.copy_(torch.where(free, torch.nextafter(piece, there), piece))
        return result


def _tensors(values: Any) -> Iterable[Tensor]:
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _widened(values: Any) -> Any:
    return tree_map_only(
        Tensor, lambda one: one.double() if one.dtype is torch.float32 else one, values
    )


def _only_copies(func: Any) -> bool:
    """Whether results are views or copies of what is read."""
    returned = func._schema.returns  # noqa: SLF001 # no other way
    view = any(one.alias_info and not one.alias_info.is_write for one in returned)
    return view or func._schema.name.removeprefix("aten::") in COPIES  # noqa: SLF001


def _first_is_wide(args: tuple[Any, ...]) -> bool:
    return isinstance(args[0], Tensor) and args[0].dtype is torch.float64


def _product(func: Any, args: tuple[Any, ...]) -> Tensor | None:
    """A product with a large matrix, in pieces of its columns; None for another operation."""
    if func is torch.ops.aten.mm.default:
        bias, (rows, weights) = None, args
    elif func is torch.ops.aten.addmm.default:
        bias, rows, weights = args
    else:
        return None
    if weights.numel() <= PIECE or weights.dtype is not torch.float32:
        return None
    height, width = len(rows), weights.shape[1]
    kept = torch.float32 if height * width > LARGE else torch.float64
    product = torch.empty(height, width, dtype=kept)
    added = None if bias is None else bias.expand(height, width)
    step = max(1, PIECE // max(len(weights), height))
    for start in range(0, width, step):
        columns = slice(start, start + step)
        part = rows.double() @ weights[:, columns].double()
        product[:, columns] = part if added is None else part.add_(added[:, columns])
    return product
