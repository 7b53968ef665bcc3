"""From logits to scores, in the precision of the logits."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.inference.arrays import Floats

Logits = TypeVar("Logits", bound=NDArray[np.floating[Any]])


def softmax(logits: Logits) -> Logits:
    """Probabilities along the last axis; shapes alike, large logits do not overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Logits = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def sigmoid(logits: Logits) -> Logits:
    """1 / (1 + exp(-x)), each number by itself; large logits do not overflow."""
    chances: Logits = np.exp(-np.logaddexp(logits.dtype.type(0), -logits))
    return chances


ACTIVATIONS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "none": lambda logits: logits,
}
"""The manifest's `head.activation` → what it does."""
