"""From logits to scores, in float32."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from edgebert_runtime.inference.arrays import Floats


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis; shapes alike, large logits do not overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), each number by itself; large logits do not overflow."""
    chances: Floats = np.exp(-np.logaddexp(np.float32(0), -logits))
    return chances


ACTIVATIONS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "none": lambda logits: logits,
}
"""The manifest's `head.activation` → what it does."""
