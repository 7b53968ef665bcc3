"""How much a layer costs by its widths: as it was timed, or by counting multiplications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edgebert.model.config import EncoderConfig

LEAST_GAIN: Final = 1e-6
"""Of a step, as a share of the layer: timings are rough, and narrower is never taken for slower."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Times of a layer for one shape of batch, linear between the widths that were timed.

    Attributes:
        heads: number of heads → time of the attention.
        neurons: number of neurons → time of the feed-forward block.
        rest: what the model takes beside its layers.
    """

    heads: Mapping[int, float]
    neurons: Mapping[int, float]
    rest: float

    def layer(self, heads: int, neurons: int) -> float:
        """Of a layer with these widths."""
        return _between(self.heads, heads) + _between(self.neurons, neurons)


@dataclass(frozen=True, kw_only=True)
class LayerCosts:
    """Tables of some shapes of batches, all of which count the same.

    Attributes:
        tables: name of a shape → its table.
    """

    tables: Mapping[str, Table]

    def gain(self, before: tuple[int, int], after: tuple[int, int]) -> float:
        """What narrowing a layer gains, as a share of the widest, over all shapes."""
        shares = []
        for table in self.tables.values():
            whole = table.layer(max(table.heads), max(table.neurons))
            gained = table.layer(*before) - table.layer(*after)
            shares.append(max(gained / whole, LEAST_GAIN))
        return sum(shares) / len(shares)

    def speedups(
        self, widths: Sequence[tuple[int, int]], before: Sequence[tuple[int, int]]
    ) -> dict[str, float]:
        """How much faster a model becomes in each shape.

        Args:
            widths: heads and neurons of each layer that runs.
            before: likewise, before anything went.
        """
        return {
            name: _time(table, before) / _time(table, widths) for name, table in self.tables.items()
        }


def counted_costs(config: EncoderConfig) -> LayerCosts:
    """Multiplications of a token in the maps of a layer; nothing is timed."""
    head = 4.0 * config.hidden * config.head_dimension
    neuron = float(config.hidden * (3 if config.gated else 2))
    heads = {count: count * head for count in (0, config.heads)}
    neurons = {count: count * neuron for count in (0, config.intermediate)}
    return LayerCosts(tables={"multiplications": Table(heads=heads, neurons=neurons, rest=0.0)})


def _between(times: Mapping[int, float], at: int) -> float:
    known = sorted(times)
    return float(np.interp(at, known, [times[each] for each in known]))


def _time(table: Table, widths: Sequence[tuple[int, int]]) -> float:
    return table.rest + sum(table.layer(*each) for each in widths)
