"""Which layers of a teacher a student begins with, and what its layers are compared with."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from edgebert.model.config import EncoderConfig, LocalAttention
from edgebert.model.encoder import Encoder
from edgebert_runtime.errors import ConfigError


def spread(layers: int, kept: int) -> tuple[int, ...]:
    """The first layer, the last, and evenly between: of 12 and 6 these are 0, 2, 4, 7, 9 and 11.

    DistilBERT was begun with the same ones (Sanh et al. 2019, the script that they published). A
    single layer is the first, whose LayerNorms may differ from all others'.

    Raises:
        ConfigError: there are fewer than 1 or more than there are.
    """
    if not 1 <= kept <= layers:
        raise ConfigError(
            f"a student of {kept} layers, expected 1 to {layers}: its teacher has {layers}"
        )
    return tuple(round(at * (layers - 1) / max(kept - 1, 1)) for at in range(kept))


def with_layers(encoder: Encoder, kept: Sequence[int]) -> Encoder:
    """A new encoder with copies of some layers; all else of the encoder is copied, too.

    A layer that sees neighbours only stays one. Layers that share weights are run less often.

    Raises:
        ConfigError: fewer layers than there are groups of layers that share weights.
    """
    config = _smaller(encoder.config, kept)
    state = {
        name: tensor.clone()
        for name, tensor in encoder.state_dict().items()
        if not name.startswith("layers.")
    }
    groups = encoder.config.layer_groups
    sources = kept if groups is None else range(groups)
    for number, source in enumerate(sources):
        state |= _moved(encoder, source, number)
    with torch.device("meta"):
        student = Encoder(config)
    student.load_state_dict(state, assign=True)
    return student


def _smaller(config: EncoderConfig, kept: Sequence[int]) -> EncoderConfig:
    groups = config.layer_groups
    if groups is not None and len(kept) < groups:
        raise ConfigError(
            f"a student of {len(kept)} layers, expected at least {groups}: so many groups of "
            "layers with shared weights the teacher has, and each stays"
        )
    widths = config.widths
    if widths is not None and groups is None:
        widths = tuple(widths[source] for source in kept)
    return replace(config, layers=len(kept), local=_local(config.local, kept), widths=widths)


def _local(local: LocalAttention | None, kept: Sequence[int]) -> LocalAttention | None:
    if local is None:
        return None
    layers = tuple(number for number, source in enumerate(kept) if source in local.layers)
    return replace(local, layers=layers) if layers else None


def _moved(encoder: Encoder, source: int, number: int) -> dict[str, Tensor]:
    """Copies of a layer's tensors, under the names of its new place."""
    tensors = encoder.layers[source].state_dict()
    return {f"layers.{number}.{name}": tensor.clone() for name, tensor in tensors.items()}
