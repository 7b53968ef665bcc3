"""Let the last map of each block make up for what was left out, by least squares."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgebert.compression.answers import arguments_for
from edgebert.compression.widths.surgeon import DAMPING, with_constant
from edgebert.model.attention import AttentionContext
from edgebert.model.blocks import Layer, PreNormLayer
from edgebert.model.encoder import Encoder
from edgebert.training.data.encoding import Inputs


@dataclass
class _Text:
    """A batch on its way through both encoders.

    Attributes:
        kept: (batch, sequence), bool: the tokens that count.
        contexts: for each layer that runs.
        whole: hidden states of the encoder as it was.
        pruned: those of the smaller one.
    """

    kept: Tensor
    contexts: Sequence[AttentionContext]
    whole: Tensor
    pruned: Tensor


def reconstruct(whole: Encoder, pruned: Encoder, batches: Sequence[Inputs]) -> None:
    """Change the last maps of a pruned encoder, in place, block after block.

    Each is fitted so that the sum behind its block is that of the whole encoder, from what the
    pruned layers before it give; so it also makes up for their errors (as in K-prune, Park et al.
    2024, section 4; Kwon et al. 2022 fit a scale for each part).

    Args:
        whole: the encoder before.
        pruned: with some of its heads and neurons.
        batches: of texts.
    """
    with torch.no_grad():
        texts = [_begun(whole, inputs) for inputs in batches]
        for number, runs in enumerate(_runs_of(whole)):
            layers = whole.layers[number], pruned.layers[number]
            goals = [_goals(layers[0], runs, text) for text in texts]
            for attention in (True, False):
                _fit(_Block(layers[1], attention=attention), runs, texts, goals)
            for text, goal in zip(texts, goals, strict=True):
                text.whole = goal.whole
                for place in runs:
                    text.pruned = layers[1](text.pruned, text.contexts[place])


def _begun(encoder: Encoder, inputs: Inputs) -> _Text:
    arguments = arguments_for(encoder, inputs)
    embedded, contexts = encoder.begin(*arguments)
    return _Text(inputs.attention_mask.bool(), contexts, embedded, embedded)


def _runs_of(encoder: Encoder) -> list[list[int]]:
    """For each distinct layer, the places where it runs."""
    runs: list[list[int]] = [[] for _ in encoder.layers]
    for place in range(encoder.config.layers):
        runs[encoder.distinct(place)].append(place)
    return runs


@dataclass(frozen=True)
class _Goals:
    """What a layer of the whole encoder makes of a batch.

    Attributes:
        sums: behind its attention and its feed-forward block, for each time that it runs.
        whole: what it gives the last time.
    """

    sums: Mapping[bool, Sequence[Tensor]]
    whole: Tensor


def _goals(layer: nn.Module, runs: Sequence[int], text: _Text) -> _Goals:
    blocks = {attention: _Block(layer, attention=attention) for attention in (True, False)}
    sums: dict[bool, list[Tensor]] = {True: [], False: []}
    hidden = text.whole
    for place in runs:
        with blocks[True].recorded() as first, blocks[False].recorded() as second:
            hidden = layer(hidden, text.contexts[place])
        for attention, run in ((True, first), (False, second)):
            sums[attention].append(run["entry"] + run["given"])
    return _Goals(sums, hidden)


class _Block:
    """One block of a layer: the map that ends it, and what its output is added to."""

    def __init__(self, layer: nn.Module, *, attention: bool) -> None:
        assert isinstance(layer, Layer)
        self.layer, self.attention = layer, attention
        before = layer.feed_forward_norm if isinstance(layer, PreNormLayer) else layer.feed_forward
        self.entry: nn.Module = layer if attention else before
        self.linear = layer.attention.output if attention else layer.feed_forward.contract

    @contextmanager
    def recorded(self) -> Iterator[dict[str, Tensor]]:
        """Keep what the block's output is added to, and what its map reads and gives."""
        kept: dict[str, Tensor] = {}

        def keep_entry(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            kept["entry"] = arguments[0]

        def keep_map(_: nn.Module, arguments: tuple[Tensor, ...], given: Tensor) -> None:
            kept["read"], kept["given"] = arguments[0], given

        hooks = [
            self.entry.register_forward_pre_hook(keep_entry),
            self.linear.register_forward_hook(keep_map),
        ]
        try:
            yield kept
        finally:
            for hook in hooks:
                hook.remove()


def _fit(
    block: _Block, runs: Sequence[int], texts: Sequence[_Text], goals: Sequence[_Goals]
) -> None:
    """Fit a pruned block's map to the sums behind the whole one."""
    linear = block.linear
    inputs = linear.in_features + (linear.bias is not None)
    moments = torch.zeros(inputs, inputs, dtype=torch.float64)
    errors = torch.zeros(inputs, linear.out_features, dtype=torch.float64)
    for text, goal in zip(texts, goals, strict=True):
        for read, error in _errors(block, runs, text, goal):
            moments += (read.T @ read).double()
            errors += (read.T @ error).double()
    mean = moments.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny)
    moments.diagonal().add_(DAMPING * mean)
    change = torch.linalg.solve(moments, errors).float()
    linear.weight.add_(change[: linear.in_features].T)
    if linear.bias is not None:
        linear.bias.add_(change[-1])


def _errors(
    block: _Block, runs: Sequence[int], text: _Text, goal: _Goals
) -> Iterator[tuple[Tensor, Tensor]]:
    """What the map reads, with a column of ones where it has a bias, and what its sums lack."""
    hidden = text.pruned
    for place, wanted in zip(runs, goal.sums[block.attention], strict=True):
        with block.recorded() as run:
            hidden = block.layer(hidden, text.contexts[place])
        read = with_constant(block.linear, run["read"][text.kept])
        yield read, (wanted - run["entry"] - run["given"])[text.kept]
