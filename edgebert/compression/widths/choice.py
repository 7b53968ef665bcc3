"""Which heads and neurons go, in the order of what is lost for the time that is gained."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgebert.compression.widths.costs import LayerCosts
from edgebert.compression.widths.importance import Importance
from edgebert.compression.widths.narrowing import Kept
from edgebert.compression.widths.surgeon import Part
from edgebert.model.encoder import Encoder

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


def first_at(
    steps: Sequence[list[Kept]], runs: Sequence[int], costs: LayerCosts, speedup: float
) -> list[Kept] | None:
    """The first step that is so much faster in every shape; None where no step is.

    Args:
        steps: all of `removals`.
        runs: how often each distinct layer runs.
        costs: of a layer by its widths.
        speedup: time of the first step over that of the one that is looked for.
    """
    reached = (each for each in steps if least_speedup(each, steps[0], runs, costs) >= speedup)
    return next(reached, None)


def least_speedup(
    kept: Sequence[Kept], before: Sequence[Kept], runs: Sequence[int], costs: LayerCosts
) -> float:
    """Time before over time with what is kept, in the shape that gains least."""
    after, whole = (_widths_of_runs(each, runs) for each in (kept, before))
    return min(costs.speedups(after, whole).values())


def runs_of(encoder: Encoder) -> list[int]:
    """How often each distinct layer runs."""
    places = [encoder.distinct(each) for each in range(encoder.config.layers)]
    return [places.count(each) for each in range(len(encoder.layers))]


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


def _widths_of_runs(kept: Sequence[Kept], runs: Sequence[int]) -> list[tuple[int, int]]:
    """Heads and neurons of each layer that runs."""
    return [
        (len(each.heads), len(each.neurons))
        for each, count in zip(kept, runs, strict=True)
        for _ in range(count)
    ]
