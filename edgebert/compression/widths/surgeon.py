"""In which order the inputs of a linear map go, while the others make up for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

DAMPING: Final = 1e-3
"""Share of the mean second moment that pulls a map towards what it was."""

AT_ONCE: Final = 8
"""Inputs of a part that are chosen together: the next are chosen when the others have made up."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Inputs that go together.

    Attributes:
        inputs: their places among heads, or among neurons.
        loss: how far the answers move, in squares, when they go and those before have gone.
    """

    inputs: tuple[int, ...]
    loss: float


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What a linear map reads, and what the answers owe to what it gives.

    Attributes:
        inputs: (inputs, inputs), float64: sum of products of what is read, over tokens.
        sensitivity: (outputs, outputs), float64: mean of products of the answers' derivatives by
            what is given, over tokens.
    """

    inputs: Tensor
    sensitivity: Tensor


class Surgeon:
    """A linear map while its inputs go (optimal brain surgeon, Hassibi and Stork 1993).

    The error of its outputs is weighed by what the answers owe to them: the curvature is the
    product of both moments (K-FAC, Martens and Grosse 2015), so losses of different maps compare.

    Args:
        weight: (outputs, inputs).
        moments: of the map; there may be more inputs, such as a constant 1, which stay.
    """

    def __init__(self, weight: Tensor, moments: Moments) -> None:
        self._width = weight.shape[1]
        damped = moments.inputs.clone()
        damped.diagonal().add_(DAMPING * _mean_square(damped))
        self._inverse = torch.linalg.inv(damped)
        root = _root(moments.sensitivity)
        extra = weight.new_zeros(len(weight), len(damped) - self._width)
        self._weighed = root @ torch.cat([weight, extra], dim=1).double()
        self._gone = torch.zeros(len(damped), dtype=torch.bool)
        self._gone[self._width :] = True  # they stay, so they are never chosen

    def remove_groups(self, size: int) -> list[Part]:
        """All inputs in groups of neighbours, such as heads; the one that loses least first."""
        left = list(range(self._width // size))
        found = []
        while left:
            losses = {group: self._loss(_group(group, size)) for group in left}
            least = min(losses, key=lambda group: losses[group])
            self._remove(_group(least, size))
            left.remove(least)
            found.append(Part(inputs=(least,), loss=losses[least]))
        return found

    def remove_singles(self, sizes: Sequence[int]) -> list[Part]:
        """All inputs in parts of these sizes, each of those that lose least at their time."""
        return [self._least(size) for size in sizes]

    def _least(self, size: int) -> Part:
        chosen: list[int] = []
        loss = 0.0
        while len(chosen) < size:
            squares = self._weighed.square().sum(dim=0) / self._inverse.diagonal()
            squares[self._gone] = torch.inf
            some = squares.topk(min(AT_ONCE, size - len(chosen)), largest=False).indices
            loss += self._loss(some)
            self._remove(some)
            chosen += some.tolist()
        return Part(inputs=tuple(sorted(chosen)), loss=loss)

    def _loss(self, inputs: Tensor) -> float:
        columns = self._weighed[:, inputs]
        return float((columns @ torch.linalg.inv(self._square(inputs)) * columns).sum())

    def _remove(self, inputs: Tensor) -> None:
        """Let the others make up; the inverse becomes that without these inputs."""
        shares = torch.linalg.solve(self._square(inputs), self._inverse[inputs])
        self._weighed -= self._weighed[:, inputs] @ shares
        self._inverse -= self._inverse[:, inputs] @ shares
        self._gone[inputs] = True
        self._inverse[inputs, inputs] = 1.0  # of what is gone only the diagonal is read

    def _square(self, inputs: Tensor) -> Tensor:
        rows: Tensor = self._inverse[inputs]
        return rows[:, inputs]


def with_constant(linear: nn.Linear, rows: Tensor) -> Tensor:
    """What a map reads, with a column of ones where it has a bias that may make up."""
    return rows if linear.bias is None else torch.cat([rows, torch.ones(len(rows), 1)], dim=1)


def _group(number: int, size: int) -> Tensor:
    return torch.arange(number * size, (number + 1) * size)


def _mean_square(moments: Tensor) -> float:
    return max(float(moments.diagonal().mean()), torch.finfo(torch.float32).tiny)


def _root(moments: Tensor) -> Tensor:
    """A matrix whose square is the moments; of a symmetric one."""
    values, vectors = torch.linalg.eigh(moments)
    root: Tensor = values.clamp(min=0).sqrt()[:, None] * vectors.T
    return root
