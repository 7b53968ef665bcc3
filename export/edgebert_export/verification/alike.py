"""Two graphs of one model beside each other: do they answer alike?"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ParityError
from edgebert_runtime.inference.arrays import Feeds, Floats

ALIKE: Final = 2e-5
"""Largest distance of two token vectors, or rows of logits, over the length of one: float32 in
another order of additions, as `FP32_TOLERANCE`."""


def require_alike(graph: Session, source: Session, outputs: Sequence[str], feeds: Feeds) -> float:
    """Hold a graph's answers to those of the graph it was made from.

    Args:
        graph: the new one.
        source: what it was made from.
        outputs: that answers are made of.
        feeds: one batch; tokens that its mask drops are not compared.

    Returns:
        The largest distance, over the length of the source's vector.

    Raises:
        ParityError: it is above `ALIKE`.
    """
    given = {name: feeds[name] for name in source.inputs}
    pairs = zip(graph.run(outputs, given), source.run(outputs, given), strict=True)
    keep = feeds["attention_mask"] > 0
    worst = max((_distance(*pair, keep), name) for name, pair in zip(outputs, pairs, strict=True))
    if not worst[0] <= ALIKE:
        raise ParityError(
            f"{graph.graph.name} gives {worst[1]} that is {worst[0]:.1e} of its length away from "
            f"that of {source.graph.name}, allowed {ALIKE:.0e}; report the model"
        )
    return worst[0]


def _distance(found: Floats, expected: Floats, keep: np.ndarray) -> float:
    """The largest over the kept tokens of an output that has some for each, else over all rows."""
    off = np.linalg.norm(found.astype(np.float64) - expected, axis=-1)
    length = np.linalg.norm(expected.astype(np.float64), axis=-1)
    distance = off / np.maximum(length, np.finfo(np.float32).tiny)
    return float(np.max(distance[keep] if distance.shape == keep.shape else distance))
