"""What a model's answers owe to each head and each feed-forward neuron."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebert.compression.distillation.answers import VECTORS, AnswerKind, Model, kind_of
from edgebert.model.blocks import Layer
from edgebert.model.encoder import Encoder
from edgebert.training.data.encoding import Inputs
from edgebert_runtime.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Of a distinct layer: how far the answers move, in squares, if a part is left out.

    Attributes:
        heads: (heads,), float64.
        neurons: (neurons,), float64.
    """

    heads: Tensor
    neurons: Tensor


Asked = tuple[Inputs, Tensor]
"""Inputs of a batch, and which tokens are asked about, (batch, sequence)."""


def measure_importance(
    model: Model, batches: Iterable[Asked], softmax: bool, generator: torch.Generator
) -> list[Importance]:
    """The Fisher information of a mask over heads and neurons (Kwon et al. 2022, section 3).

    A model is at no distance from itself, so the gradient of that distance is zero, and its
    curvature is what counts: the squared derivatives of the answers by the mask. They are got from
    products of the answers with random directions, of which the mean of squares is their sum.

    Args:
        model: on the CPU, in evaluation mode.
        batches: of texts.
        softmax: whether rows are logits of one softmax; then the distance is that of
            probabilities, by their divergence.
        generator: draws the directions.
    """
    encoder = model.encoder
    assert isinstance(encoder, Encoder)
    model.requires_grad_(False)  # derivatives by weights are not needed
    kind = kind_of(model)
    size = encoder.config.head_dimension
    sums = [_Sums(size) for _ in encoder.layers]
    for inputs, asked in batches:
        with torch.enable_grad(), _recorded(encoder) as seen:
            rows = _rows(model, kind, inputs, asked)
            direction = _direction(rows.detach(), generator, softmax=softmax)
            torch.autograd.backward((rows * direction).sum())
            for layer, parts in zip(sums, seen, strict=True):
                layer.add(parts)
    found = [each.importance() for each in sums]
    if not all(bool(torch.isfinite(part.neurons).all()) for part in found):
        raise InputError("the model gives numbers that are not finite; nothing can be pruned by it")
    return found


class _Sums:
    """Squared derivatives of one layer's parts, summed over texts."""

    def __init__(self, head_size: int) -> None:
        self._head_size = head_size
        self._heads: list[Tensor] = []
        self._neurons: list[Tensor] = []

    def add(self, parts: "_Parts") -> None:
        self._heads.append(_squares(parts.contexts, self._head_size))
        self._neurons.append(_squares(parts.activated, 1))

    def importance(self) -> Importance:
        heads, neurons = (torch.stack(each).sum(dim=0) for each in (self._heads, self._neurons))
        return Importance(heads=heads, neurons=neurons)


@dataclass
class _Parts:
    """What one layer's two last maps read, once for each time that it runs."""

    contexts: list[Tensor]
    activated: list[Tensor]


@contextmanager
def _recorded(encoder: Encoder) -> Iterator[list[_Parts]]:
    """Keep what the last maps of both blocks read, with its gradient."""
    found = [_Parts([], []) for _ in encoder.layers]
    hooks = [encoder.embeddings.register_forward_hook(_tracked)]
    for layer, parts in zip(encoder.layers, found, strict=True):
        assert isinstance(layer, Layer)
        for linear, kept in (
            (layer.attention.output, parts.contexts),
            (layer.feed_forward.contract, parts.activated),
        ):
            hooks.append(linear.register_forward_pre_hook(partial(_keep, kept)))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _tracked(_: nn.Module, __: tuple[Tensor, ...], embedded: Tensor) -> Tensor:
    return embedded.requires_grad_()


def _keep(kept: list[Tensor], _: nn.Module, arguments: tuple[Tensor, ...]) -> None:
    (read,) = arguments
    read.retain_grad()
    kept.append(read)


def _squares(reads: list[Tensor], together: int) -> Tensor:
    """Squares of the derivatives by a mask over groups of columns, summed over texts; (groups,)."""
    total = torch.zeros(())
    for read in reads:  # a layer that runs several times has one mask
        assert read.grad is not None
        by_column = (read.detach() * read.grad).double().sum(dim=1)
        total = total + by_column.view(len(by_column), -1, together).sum(dim=-1)
    return total.square().sum(dim=0)


def _rows(model: Model, kind: AnswerKind, inputs: Inputs, asked: Tensor) -> Tensor:
    rows = kind.read(model, inputs, asked)
    return functional.normalize(rows, dim=-1) if kind is VECTORS else rows


def _direction(rows: Tensor, generator: torch.Generator, *, softmax: bool) -> Tensor:
    """Random, of mean square 1; for probabilities with the covariance of their divergence."""
    noise = torch.randn(rows.shape, generator=generator)
    if not softmax:
        return noise
    shares = rows.softmax(dim=-1)
    scaled = shares.sqrt() * noise
    return scaled - shares * scaled.sum(dim=-1, keepdim=True)
