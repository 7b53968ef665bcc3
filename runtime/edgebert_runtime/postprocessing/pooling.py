"""Token vectors to one vector per text: the steps a bundle names, in numpy.

The exported graph computes the same steps for its `sentence_embedding`; a test holds the two
equal. Modes are those of sentence-transformers' `Pooling` module.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from edgebert_runtime.bundle.manifest import Step
from edgebert_runtime.bundle.safetensors_header import read_safetensors
from edgebert_runtime.errors import BundleError
from edgebert_runtime.inference.arrays import Floats
from edgebert_runtime.inference.arrays import Ids as Mask

SMALLEST_NORM: Final = 1e-12
"""Divisor for a shorter vector, as in torch.nn.functional.normalize: zero stays zero."""


def normalize(vectors: Floats) -> Floats:
    """Scale each vector to Euclidean length 1. Shapes: (batch, dimensions) in and out."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Floats = vectors / np.maximum(norms, SMALLEST_NORM)
    return scaled


def pool(last_hidden_state: Floats, attention_mask: Mask, modes: tuple[str, ...]) -> Floats:
    """Pool token vectors by each mode and concatenate.

    Shapes:
        last_hidden_state: (batch, sequence, hidden)
        attention_mask: (batch, sequence), 1 keeps a token, 0 drops it
        returns: (batch, hidden x number of modes)

    A row that keeps no token pools to zero, except by `cls`, which takes the first token as is.

    Raises:
        BundleError: a mode this version does not know.
    """
    unknown = [mode for mode in modes if mode not in POOLING]
    if unknown:
        raise BundleError(f"pooling {', '.join(unknown)} is unknown; known: {', '.join(POOLING)}")
    return np.concatenate([POOLING[mode](last_hidden_state, attention_mask) for mode in modes], -1)


def apply_steps(
    steps: tuple[Step, ...], last_hidden_state: Floats, attention_mask: Mask, folder: Path
) -> Floats:
    """Run a bundle's steps from token vectors to sentence vectors.

    Shapes as in `pool`; `folder` is where dense steps find their weights.

    Raises:
        BundleError: a step or one of its settings is unknown, or its weights cannot be read.
    """
    vectors = last_hidden_state
    for step in steps:
        if step.kind == "pool":
            vectors = pool(vectors, attention_mask, step.modes)
        elif step.kind == "dense":
            vectors = _dense(vectors, step, folder)
        elif step.kind == "normalize":
            vectors = normalize(vectors)
        elif step.kind == "truncate":
            vectors = vectors[:, : step.dimensions]
        else:
            raise BundleError(f"embedding step {step.kind!r} is unknown to this version")
    return vectors


def _first(hidden: Floats, mask: Mask) -> Floats:
    del mask
    return hidden[:, 0]


def _last(hidden: Floats, mask: Mask) -> Floats:
    kept = mask * np.arange(1, mask.shape[1] + 1)
    last = kept.argmax(axis=1)
    picked: Floats = hidden[np.arange(len(hidden)), last]
    return picked * mask.any(axis=1, keepdims=True).astype(np.float32)


def _sum(hidden: Floats, weights: Floats) -> Floats:
    summed: Floats = (hidden * weights[..., np.newaxis]).sum(axis=1)
    return summed


def _divide(summed: Floats, by: Floats) -> Floats:
    """A row that keeps no token is divided by 1 and stays zero."""
    return np.divide(summed, np.maximum(by, np.float32(1)), dtype=np.float32)


def _mean(hidden: Floats, mask: Mask) -> Floats:
    weights = mask.astype(np.float32)
    return _divide(_sum(hidden, weights), weights.sum(axis=1, keepdims=True))


def _mean_sqrt_length(hidden: Floats, mask: Mask) -> Floats:
    weights = mask.astype(np.float32)
    return _divide(_sum(hidden, weights), np.sqrt(weights.sum(axis=1, keepdims=True)))


def _weighted_mean(hidden: Floats, mask: Mask) -> Floats:
    """Weights 1, 2, 3… by position, as SGPT (Muennighoff 2022, section 3.1)."""
    weights = (mask * np.arange(1, mask.shape[1] + 1)).astype(np.float32)
    return _divide(_sum(hidden, weights), weights.sum(axis=1, keepdims=True))


def _max(hidden: Floats, mask: Mask) -> Floats:
    lowest = np.where(mask[..., np.newaxis] > 0, hidden, np.float32(-np.inf)).max(axis=1)
    highest: Floats = np.where(mask.any(axis=1, keepdims=True), lowest, np.float32(0))
    return highest


POOLING: Final[Mapping[str, Callable[[Floats, Mask], Floats]]] = {
    "cls": _first,
    "mean": _mean,
    "max": _max,
    "mean_sqrt_len": _mean_sqrt_length,
    "weighted_mean": _weighted_mean,
    "last_token": _last,
}


def _gelu(x: Floats) -> Floats:
    erf = np.array([math.erf(value / math.sqrt(2)) for value in x.ravel()], dtype=np.float32)
    return x * np.float32(0.5) * (1 + erf.reshape(x.shape))


ACTIVATIONS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "gelu": _gelu,
}


def _dense(vectors: Floats, step: Step, folder: Path) -> Floats:
    if step.file is None or step.activation is None or step.activation not in ACTIVATIONS:
        raise BundleError(f"dense step {step} lacks a file or has an unknown activation")
    weight, bias = _linear(folder / step.file)
    if weight.shape[1] != vectors.shape[-1]:
        raise BundleError(
            f"{folder / step.file} takes vectors of {weight.shape[1]} numbers, the step before it "
            f"gives {vectors.shape[-1]}; export the model again"
        )
    projected = vectors @ weight.T + bias
    return ACTIVATIONS[step.activation](projected)


@lru_cache(maxsize=8)
def _linear(path: Path) -> tuple[Floats, Floats]:
    """Weight (outputs, inputs) and bias (outputs) of a linear map, read once.

    Raises:
        BundleError: the file holds none.
    """
    data, entries = read_safetensors(path)
    tensors = {
        name: np.frombuffer(
            data, np.float32, math.prod(entry.shape), entry.data_offsets[0]
        ).reshape(entry.shape)
        for name, entry in entries.items()
    }
    weight = tensors.get("linear.weight", np.zeros(0, np.float32))
    bias = tensors.get("linear.bias", np.zeros(weight.shape[:1], np.float32))
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise BundleError(
            f"{path} has tensors of shapes {[tensor.shape for tensor in tensors.values()]}, "
            "expected linear.weight (outputs, inputs) and linear.bias (outputs); export the model "
            "again"
        )
    return weight, bias
