"""The arrays that go into a graph and come out of it."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""What a graph gives, of any shape."""

Ids = NDArray[np.int64]
"""Token ids, segments or a mask: (batch, sequence)."""

Feeds = dict[str, Ids]
"""Graph input → its array."""

Outputs = tuple[Floats, ...]
"""One row's part of every output, padding included."""

INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
"""What a text becomes; a graph takes those of them that it names."""


class GraphOutput(NamedTuple):
    """A float32 output of a task's graph.

    Attributes:
        name: in the graph.
        shape: of numbers and names: `batch`, `sequence`, `hidden` (width of a token vector),
            `dimensions` (of a sentence vector), `labels`, `vocabulary`.
    """

    name: str
    shape: tuple[str | int, ...]


def logits(*shape: str | int) -> tuple[GraphOutput, ...]:
    """The one output of most heads, of a shape behind the batch."""
    return (GraphOutput("logits", ("batch", *shape)),)
