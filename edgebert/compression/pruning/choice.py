"""Which heads and neurons go, in the order of what is lost for the time that is gained."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgebert.compression.pruning.costs import LayerCosts
from edgebert.compression.pruning.importance import Importance
from edgebert.compression.pruning.narrowing import Kept
from edgebert.compression.pruning.surgeon import Part

Step = tuple[float, list[Part]]
"""Loss for the time that is gained, and the list whose first entry goes."""


@dataclass
class _Layer:
    """A layer while parts of it go; both lists are in the order in which they go."""

    heads: list[Part]
    neurons: list[Part]
    runs: int

    @property
    def widths(self) -> tuple[int, int]:
        return len(self.heads), sum(len(tile.inputs) for tile in self.neurons)

    def kept(self) -> Kept:
        heads, neurons = (
            tuple(sorted(each for part in parts for each in part.inputs))
            for parts in (self.heads, self.neurons)
        )
        return Kept(heads=heads, neurons=neurons)


def removals(
    importance: Sequence[Importance], runs: Sequence[int], costs: LayerCosts
) -> Iterator[list[Kept]]:
    """What is left after each step, from all on to one head and one tile of neurons a layer.

    Each step takes the part whose loss is least for the time that it costs. Losses of different
    blocks are taken to add up.

    Args:
        importance: of each distinct layer.
        runs: how often each of them runs.
        costs: of a layer by its widths.
    """
    layers = [
        _Layer(heads=list(each.heads), neurons=list(each.neurons), runs=count)
        for each, count in zip(importance, runs, strict=True)
    ]
    yield [layer.kept() for layer in layers]
    while steps := [step for layer in layers for step in _steps(layer, costs)]:
        _, parts = min(steps, key=lambda step: step[0])
        parts.pop(0)
        yield [layer.kept() for layer in layers]


def _steps(layer: _Layer, costs: LayerCosts) -> Iterator[Step]:
    """What may go next of a layer."""
    heads, neurons = layer.widths
    if len(layer.heads) > 1:
        gain = layer.runs * costs.gain((heads, neurons), (heads - 1, neurons))
        yield layer.heads[0].loss / gain, layer.heads
    if len(layer.neurons) > 1:
        fewer = neurons - len(layer.neurons[0].inputs)
        gain = layer.runs * costs.gain((heads, neurons), (heads, fewer))
        yield layer.neurons[0].loss / gain, layer.neurons
