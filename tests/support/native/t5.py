"""An encoder like T5's: RMSNorm before blocks, position bias, a gate, scores as they are."""

from dataclasses import replace
from typing import Final

import torch
from torch import nn

from edgebert.model.config import Activation, EncoderConfig, Positions, RelativeBias
from edgebert.model.encoder import Encoder
from edgebert.model.sentence import SentenceEmbedder
from edgebert_export.spec import ExportSpec
from tests.support.export_specs import spec_of

CONFIG: Final = EncoderConfig(
    vocabulary=20,
    hidden=40,
    layers=2,
    heads=4,
    intermediate=72,
    positions=60,
    token_types=0,
    activation=Activation.GELU_TANH,
    layer_norm_epsilon=1e-6,
    padding_id=0,
    hidden_dropout=0.0,
    attention_dropout=0.0,
    initializer_range=0.15,
    pooler=False,
    position_kind=Positions.NONE,
    relative=RelativeBias(buckets=8, max_distance=16),
    embedding_norm=False,
    pre_norm=True,
    final_norm=True,
    norm_bias=False,
    attention_bias=False,
    feed_forward_bias=False,
    gated=True,
)
"""Sizes that are no multiples of a vector."""


def t5_like() -> tuple[SentenceEmbedder, ExportSpec]:
    """The module with random weights, and what an export of it is to keep to."""
    torch.manual_seed(0)
    encoder = Encoder(CONFIG)
    for module in [*encoder.modules()]:
        for name, child in [*module.named_children()]:
            if isinstance(child, nn.LayerNorm):
                setattr(module, name, nn.RMSNorm(CONFIG.hidden, eps=CONFIG.layer_norm_epsilon))
    for layer in encoder.layers:
        layer.attention.scale = 1.0  # type: ignore[union-attr]
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    spec = replace(spec_of(encoder), promises={"layer_norm": 0, "gelu": CONFIG.layers})
    return SentenceEmbedder(encoder, spec.steps, {}).eval(), spec
