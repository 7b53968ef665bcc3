"""From logits to scores, in the precision of the logits."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.arrays import Floats

Activation = Literal["softmax", "sigmoid", "none"]
"""From logits to scores; `none` leaves them as they are."""

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


def require_activation(name: str | None) -> None:
    """Refuse an activation that there is not; None stands for the manifest's.

    Raises:
        ConfigError: there is none of that name.
    """
    if name is not None and name not in ACTIVATIONS:
        raise ConfigError(f"activation must be one of {', '.join(ACTIVATIONS)}; got {name!r}")
