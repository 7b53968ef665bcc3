"""Which heads and neurons go, in the order of what is lost for the time that is gained."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from edgebert.compression.pruning.costs import LayerCosts
from edgebert.compression.pruning.importance import Importance
from edgebert.compression.pruning.narrowing import Kept

TILE: Final = 32
"""Neurons that go together: widths are multiples of what the kernels compute at once."""

Step = tuple[float, list[Any], list[float]]
"""Loss for the time that is gained, and the two lists whose first entries go."""


@dataclass
class _Layer:
    """A layer while parts of it go; both lists are in the order in which they go."""

    heads: list[int]
    neurons: list[list[int]]
    head_losses: list[float]
    neuron_losses: list[float]
    runs: int

    @property
    def widths(self) -> tuple[int, int]:
        return len(self.heads), sum(map(len, self.neurons))

    def kept(self) -> Kept:
        neurons = sorted(each for tile in self.neurons for each in tile)
        return Kept(heads=tuple(sorted(self.heads)), neurons=tuple(neurons))


def removals(
    importance: Sequence[Importance], runs: Sequence[int], costs: LayerCosts
) -> Iterator[list[Kept]]:
    """What is left after each step, from all on to one head and one tile of neurons a layer.

    Each step takes the part whose loss is least for the time that it costs. A loss is a share of
    what all parts of its block lose; shares are taken to add up.

    Args:
        importance: of each distinct layer.
        runs: how often each of them runs.
        costs: of a layer by its widths.
    """
    layers = [_layer(each, count) for each, count in zip(importance, runs, strict=True)]
    yield [layer.kept() for layer in layers]
    while steps := [step for layer in layers for step in _steps(layer, costs)]:
        _, parts, losses = min(steps, key=lambda step: step[0])
        parts.pop(0)
        losses.pop(0)
        yield [layer.kept() for layer in layers]


def _steps(layer: _Layer, costs: LayerCosts) -> Iterator[Step]:
    """What may go next of a layer."""
    heads, neurons = layer.widths
    if len(layer.heads) > 1:
        gain = layer.runs * costs.gain((heads, neurons), (heads - 1, neurons))
        yield layer.head_losses[0] / gain, layer.heads, layer.head_losses
    if len(layer.neurons) > 1:
        fewer = neurons - len(layer.neurons[0])
        gain = layer.runs * costs.gain((heads, neurons), (heads, fewer))
        yield layer.neuron_losses[0] / gain, layer.neurons, layer.neuron_losses


def _layer(importance: Importance, runs: int) -> _Layer:
    heads = importance.heads.argsort(stable=True)
    order = importance.neurons.argsort(stable=True)
    of_heads, of_neurons = _shares(importance.heads), _shares(importance.neurons)
    first = len(order) % TILE  # so that what is left is a multiple
    tiles = [order[:first]] if first else []
    tiles += torch.split(order[first:], TILE)
    return _Layer(
        heads=heads.tolist(),
        neurons=[tile.tolist() for tile in tiles],
        head_losses=of_heads[heads].tolist(),
        neuron_losses=[float(of_neurons[tile].sum()) for tile in tiles],
        runs=runs,
    )


def _shares(losses: Tensor) -> Tensor:
    """Of what all parts of a block lose; blocks then differ only in how the losses are spread."""
    return losses / losses.sum().clamp(min=torch.finfo(losses.dtype).tiny)
