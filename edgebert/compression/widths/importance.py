"""What a model's answers owe to each head and each feed-forward neuron."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebert.compression.answers import VECTORS, AnswerKind, Asked, Model, kind_of
from edgebert.compression.widths.surgeon import Moments, Part, Surgeon, with_constant
from edgebert.model.blocks import Layer
from edgebert.model.encoder import Encoder
from edgebert.training.data.encoding import Inputs
from edgebert_runtime.errors import InputError

TILE: Final = 32
"""Neurons that go together: widths are multiples of what the kernels compute at once."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Of a distinct layer: its heads and tiles of neurons, in the order in which they go.

    Attributes:
        heads: a head each.
        neurons: `TILE` neurons each; the first takes what is left over.
    """

    heads: Sequence[Part]
    neurons: Sequence[Part]


def measure_importance(
    model: Model, batches: Iterable[Asked], softmax: bool, generator: torch.Generator
) -> list[Importance]:
    """The order in which heads and neurons of each layer go, and what the answers lose by it.

    A model is at no distance from itself, so the gradient of that distance is zero, and its
    curvature is what counts: the squared derivatives of the answers. They are got from products of
    the answers with random directions, of which the mean of squares is their sum.

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
    sums = [_Sums(layer) for layer in encoder.layers]
    for inputs, asked in batches:
        with torch.enable_grad(), _recorded(encoder) as seen:
            rows = _rows(model, kind, inputs, asked)
            direction = _direction(rows.detach(), generator, softmax=softmax)
            torch.autograd.backward((rows * direction).sum())
            counted = inputs.attention_mask.bool()
            for layer, maps in zip(sums, seen, strict=True):
                layer.add(maps, counted)
    return [each.importance(encoder.config.head_dimension) for each in sums]


@dataclass
class _Seen:
    """What a map read and gave, once for each time that it ran."""

    read: list[Tensor] = field(default_factory=list)
    given: list[Tensor] = field(default_factory=list)


Maps = tuple[_Seen, _Seen]
"""The last map of the attention, and that of the feed-forward block."""


class _Products:
    """Sums of products over tokens, of one map."""

    def __init__(self) -> None:
        self._inputs = self._outputs = torch.zeros(())
        self._tokens = 0

    def add(self, linear: nn.Linear, seen: _Seen, counted: Tensor) -> None:
        for read, given in zip(seen.read, seen.given, strict=True):
            assert given.grad is not None
            rows, slopes = with_constant(linear, read.detach()[counted]), given.grad[counted]
            self._inputs = self._inputs + (rows.T @ rows).double()
            self._outputs = self._outputs + (slopes.T @ slopes).double()
            self._tokens += len(rows)

    def moments(self) -> Moments:
        finite = self._inputs.isfinite().all() and self._outputs.isfinite().all()
        if not finite:
            raise InputError(
                "the model gives numbers that are not finite; nothing can be pruned by it"
            )
        return Moments(inputs=self._inputs, sensitivity=self._outputs / self._tokens)


class _Sums:
    """Of both maps of a layer."""

    def __init__(self, layer: nn.Module) -> None:
        self._linears = _maps_of(layer)
        self._products = (_Products(), _Products())

    def add(self, maps: Maps, counted: Tensor) -> None:
        for linear, products, seen in zip(self._linears, self._products, maps, strict=True):
            products.add(linear, seen, counted)

    def importance(self, head_size: int) -> Importance:
        output, contract = self._linears
        of_heads, of_neurons = (each.moments() for each in self._products)
        tiles, rest = divmod(contract.in_features, TILE)
        sizes = [rest] * (rest > 0) + [TILE] * tiles
        return Importance(
            heads=Surgeon(output.weight, of_heads).remove_groups(head_size),
            neurons=Surgeon(contract.weight, of_neurons).remove_singles(sizes),
        )


@contextmanager
def _recorded(encoder: Encoder) -> Iterator[list[Maps]]:
    """Keep what the last maps of both blocks read and give, with its gradient."""
    found: list[Maps] = [(_Seen(), _Seen()) for _ in encoder.layers]
    hooks = [encoder.embeddings.register_forward_hook(_tracked)]
    for layer, maps in zip(encoder.layers, found, strict=True):
        for linear, seen in zip(_maps_of(layer), maps, strict=True):
            hooks.append(linear.register_forward_hook(partial(_keep, seen)))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _maps_of(layer: nn.Module) -> tuple[nn.Linear, nn.Linear]:
    """The maps that end both blocks."""
    assert isinstance(layer, Layer)
    return layer.attention.output, layer.feed_forward.contract


def _tracked(_: nn.Module, __: tuple[Tensor, ...], embedded: Tensor) -> Tensor:
    return embedded.requires_grad_()


def _keep(seen: _Seen, _: nn.Module, arguments: tuple[Tensor, ...], given: Tensor) -> None:
    given.retain_grad()
    seen.read.append(arguments[0])
    seen.given.append(given)


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
