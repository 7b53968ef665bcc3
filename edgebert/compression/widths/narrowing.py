"""A new encoder with some of another's heads and feed-forward neurons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from edgebert.model.config import EncoderConfig, LayerWidths
from edgebert.model.encoder import Encoder

OF_HEADS: Final = ("query", "key", "value", "distance_key", "distance_query")
"""Maps of an attention whose rows belong to heads."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What stays of a layer.

    Attributes:
        heads: places among the heads that it has, in order.
        neurons: places among its feed-forward neurons, in order.
    """

    heads: tuple[int, ...]
    neurons: tuple[int, ...]


def narrowed(encoder: Encoder, kept: Sequence[Kept]) -> Encoder:
    """A new encoder with copies of what stays of each distinct layer, and of all else.

    Raises:
        ConfigError: a layer is left without a head or a neuron.
    """
    with torch.device("meta"):
        smaller = Encoder(_smaller(encoder.config, kept))
    state = {
        name: tensor.clone()
        for name, tensor in encoder.state_dict().items()
        if not name.startswith("layers.")
    }
    for number, part in enumerate(kept):
        for name, tensor in _layer_state(encoder, number, part):
            state[f"layers.{number}.{name}"] = tensor
    smaller.load_state_dict(state, assign=True)
    return smaller.eval()


def widths_in_words(kept: Sequence[Kept]) -> str:
    """Heads and neurons of each layer."""
    heads = " ".join(str(len(each.heads)) for each in kept)
    neurons = " ".join(str(len(each.neurons)) for each in kept)
    return f"{heads} heads, {neurons} neurons"


def _smaller(config: EncoderConfig, kept: Sequence[Kept]) -> EncoderConfig:
    widths = []
    for number, part in enumerate(kept):
        before = config.widths_of(number).heads
        heads = tuple(before[place] for place in part.heads)
        widths.append(LayerWidths(heads=heads, intermediate=len(part.neurons)))
    return replace(config, widths=tuple(widths))


def _layer_state(encoder: Encoder, number: int, kept: Kept) -> Iterator[tuple[str, Tensor]]:
    """Copies of a layer's tensors with the rows and columns that stay."""
    size = encoder.config.head_dimension
    heads = (torch.tensor(kept.heads).unsqueeze(1) * size + torch.arange(size)).flatten()
    neurons = torch.tensor(kept.neurons)
    width = encoder.config.widths_of(number).intermediate
    expanded = torch.cat([neurons, neurons + width]) if encoder.config.gated else neurons
    rows = {f"attention.{name}": heads for name in OF_HEADS} | {"feed_forward.expand": expanded}
    columns = {"attention.output.weight": heads, "feed_forward.contract.weight": neurons}
    for name, tensor in encoder.layers[number].state_dict().items():
        block = name.rpartition(".")[0]
        if block in rows:
            yield name, tensor[rows[block]]
        elif name in columns:
            yield name, tensor[:, columns[name]].contiguous()
        else:
            yield name, tensor.clone()
