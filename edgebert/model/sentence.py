"""Sentence vectors in torch: the steps a bundle names, inside the graph.

`edgebert_runtime.postprocessing.pooling` says what each step means; this is the same, traceable.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebert_runtime.bundle.manifest import Step
from edgebert_runtime.errors import ConfigError

SMALLEST_NORM: Final = 1e-12


@dataclass(frozen=True, kw_only=True)
class DenseWeights:
    """A dense step's parameters: weight (outputs, inputs) and perhaps bias (outputs,), fp32."""

    weight: Tensor
    bias: Tensor | None


class SentenceEmbedder(nn.Module):
    """An encoder with pooling attached.

    Args:
        encoder: called with the graph's inputs, returns `last_hidden_state`.
        steps: what follows, in order.
        dense: the weights of dense steps, by the step's `file`.

    Raises:
        ConfigError: a step, a pooling mode or an activation is unknown, or a dense step has no
            weights.
    """

    def __init__(
        self, encoder: nn.Module, steps: tuple[Step, ...], dense: Mapping[str, DenseWeights]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.steps = step_modules(steps, dense)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode and pool.

        Shapes:
            input_ids, attention_mask, token_type_ids: (batch, sequence), int64
            returns: last_hidden_state (batch, sequence, hidden) and sentence_embedding
                (batch, dimensions), float
        """
        optional = () if token_type_ids is None else (token_type_ids,)
        hidden: Tensor = self.encoder(input_ids, attention_mask, *optional)
        vectors = hidden
        for step in self.steps:
            vectors = step(vectors, attention_mask)
        return hidden, vectors


def step_modules(steps: tuple[Step, ...], dense: Mapping[str, DenseWeights]) -> nn.ModuleList:
    """A module for each step, called with vectors and the mask.

    Args:
        steps: in order.
        dense: the weights of dense steps, by the step's `file`.

    Raises:
        ConfigError: as `SentenceEmbedder`.
    """
    return nn.ModuleList(_module(step, dense) for step in steps)


class Pool(nn.Module):
    """Token vectors to one vector a row, by each mode, concatenated."""

    def __init__(self, modes: tuple[str, ...]) -> None:
        super().__init__()
        unknown = [mode for mode in modes if mode not in POOLING]
        if unknown or not modes:
            raise ConfigError(
                f"pooling {', '.join(unknown) or 'without a mode'}; choose of {', '.join(POOLING)}"
            )
        self.modes = modes

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Shapes: hidden (batch, sequence, hidden), mask (batch, sequence) to (batch, width)."""
        pooled = [POOLING[mode](hidden, mask) for mode in self.modes]
        return pooled[0] if len(pooled) == 1 else torch.cat(pooled, dim=-1)


class Dense(nn.Module):
    """A linear map and an activation, as sentence-transformers' `Dense`."""

    def __init__(self, weights: DenseWeights, activation: str | None) -> None:
        super().__init__()
        outputs, inputs = weights.weight.shape
        self.linear = nn.Linear(inputs, outputs, bias=weights.bias is not None)
        self.linear.weight = nn.Parameter(weights.weight)
        if weights.bias is not None:
            self.linear.bias = nn.Parameter(weights.bias)
        self.activation = ACTIVATIONS[activation or "identity"]

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Shapes: (batch, inputs) to (batch, outputs); the mask is not looked at."""
        del mask
        return self.activation(self.linear(vectors))


class Normalize(nn.Module):
    """Euclidean length 1; the zero vector stays zero."""

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Shapes: (batch, dimensions) in and out; the mask is not looked at."""
        del mask
        norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
        return vectors / torch.clamp(norms, min=SMALLEST_NORM)


class Truncate(nn.Module):
    """The first numbers of a vector, as sentence-transformers' `truncate_dim` keeps them."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.dimensions = dimensions

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Shapes: (batch, inputs) to (batch, dimensions); the mask is not looked at."""
        del mask
        return vectors[:, : self.dimensions]


def _module(step: Step, dense: Mapping[str, DenseWeights]) -> nn.Module:
    if step.kind == "pool":
        return Pool(step.modes)
    if step.kind == "normalize":
        return Normalize()
    if step.kind == "truncate" and step.dimensions is not None:
        return Truncate(step.dimensions)
    if step.kind != "dense":
        raise ConfigError(f"{step}; choose of pool, dense, normalize, truncate with dimensions")
    if step.file is None or step.file not in dense or step.activation not in ACTIVATIONS:
        raise ConfigError(f"{step} has no weights or an activation not in {', '.join(ACTIVATIONS)}")
    return Dense(dense[step.file], step.activation)


def _positions(mask: Tensor) -> Tensor:
    """1, 2, 3… along the sequence; (1, sequence), int64."""
    return torch.ones_like(mask[:1]).cumsum(dim=1)


def _sum(hidden: Tensor, weights: Tensor) -> Tensor:
    return (hidden * weights.unsqueeze(-1)).sum(dim=1)


def _first(hidden: Tensor, mask: Tensor) -> Tensor:
    del mask
    return hidden[:, 0]


def _last(hidden: Tensor, mask: Tensor) -> Tensor:
    positions = mask * _positions(mask)
    is_last = (positions == positions.amax(dim=1, keepdim=True)) & (mask > 0)
    return _sum(hidden, is_last.to(hidden.dtype))


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    weights = mask.to(hidden.dtype)
    return _sum(hidden, weights) / weights.sum(dim=1, keepdim=True).clamp(min=1.0)


def _mean_sqrt_length(hidden: Tensor, mask: Tensor) -> Tensor:
    weights = mask.to(hidden.dtype)
    return _sum(hidden, weights) / weights.sum(dim=1, keepdim=True).clamp(min=1.0).sqrt()


def _weighted_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    weights = (mask * _positions(mask)).to(hidden.dtype)
    return _sum(hidden, weights) / weights.sum(dim=1, keepdim=True).clamp(min=1.0)


def _max(hidden: Tensor, mask: Tensor) -> Tensor:
    dropped = mask.unsqueeze(-1) == 0
    highest = hidden.masked_fill(dropped, torch.finfo(hidden.dtype).min).amax(dim=1)
    return torch.where(mask.any(dim=1, keepdim=True), highest, torch.zeros_like(highest))


POOLING: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "cls": _first,
    "mean": _mean,
    "max": _max,
    "mean_sqrt_len": _mean_sqrt_length,
    "weighted_mean": _weighted_mean,
    "last_token": _last,
}

ACTIVATIONS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "identity": lambda x: x,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": functional.gelu,
}
