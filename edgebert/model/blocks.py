"""The typed blocks an encoder is made of: embeddings, feed-forward, layer, pooler."""

import math
from typing import Final

import torch
from torch import Tensor, nn

from edgebert.model.attention import AttentionContext, DisentangledAttention, SelfAttention
from edgebert.model.config import Activation, Disentangled, EncoderConfig, LayerWidths
from edgebert.model.positions import POSITIONS

ACTIVATIONS: Final[dict[Activation, nn.Module]] = {
    Activation.GELU: nn.GELU(),
    Activation.GELU_TANH: nn.GELU(approximate="tanh"),
    Activation.RELU: nn.ReLU(),
    Activation.SILU: nn.SiLU(),
    Activation.TANH: nn.Tanh(),
}


class Embeddings(nn.Module):
    """Token, position and segment vectors, summed and normalised (Devlin et al. 2019, figure 2)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.embedding_width
        self.token = nn.Embedding(
            config.vocabulary, width, padding_idx=_row(config.padding_id, config)
        )
        position = POSITIONS.get(config.position_kind)
        self.position = None if position is None else position(config)
        self.token_type = nn.Embedding(config.token_types, width) if config.token_types else None
        self.norm = layer_norm(config, width) if config.embedding_norm else nn.Identity()
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.project = (
            nn.Identity() if config.embedding is None else nn.Linear(width, config.hidden)
        )
        self.scale = math.sqrt(width) if config.scale_embeddings else None

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor:
        """Look the ids up.

        Shapes:
            input_ids, token_type_ids: (batch, sequence), int64; without segments all are 0
            returns: (batch, sequence, hidden)
        """
        summed: Tensor = self.token(input_ids)
        if self.scale is not None:
            summed = summed * self.scale
        if self.token_type is not None:
            first = self.token_type.weight[0]
            summed = summed + (first if token_type_ids is None else self.token_type(token_type_ids))
        if self.position is not None:
            summed = summed + self.position(input_ids)
        projected: Tensor = self.project(self.dropout(self.norm(summed)))
        return projected


class FeedForward(nn.Module):
    """Two linear maps with a non-linearity between them (Vaswani et al. 2017, section 3.3)."""

    def __init__(self, config: EncoderConfig, width: int) -> None:
        super().__init__()
        bias = config.feed_forward_bias
        self.expand = nn.Linear(config.hidden, 2 * width if config.gated else width, bias=bias)
        self.activation = ACTIVATIONS[config.activation]
        self.contract = nn.Linear(width, config.hidden, bias=bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Apply the block to each token. Shapes: (batch, sequence, hidden) in and out."""
        contracted: Tensor = self.contract(self._between(self.expand(hidden)))
        return contracted

    def _between(self, expanded: Tensor) -> Tensor:
        activated: Tensor = self.activation(expanded)
        return activated


class GatedFeedForward(FeedForward):
    """The non-linearity of one half of the wider map, times the other half (Shazeer 2020)."""

    def _between(self, expanded: Tensor) -> Tensor:
        activated, gate = expanded.chunk(2, dim=-1)
        gated: Tensor = self.activation(activated) * gate
        return gated


class Layer(nn.Module):
    """Attention and feed-forward, each added to its input and then normalised (post-LayerNorm)."""

    def __init__(self, config: EncoderConfig, widths: LayerWidths, *, first: bool) -> None:
        super().__init__()
        normed = config.first_norm or not first
        self.attention = _attention(config, widths)
        self.attention_norm = layer_norm(config, config.hidden) if normed else nn.Identity()
        feed_forward = GatedFeedForward if config.gated else FeedForward
        self.feed_forward = feed_forward(config, widths.intermediate)
        self.feed_forward_norm = layer_norm(config, config.hidden)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden: Tensor, context: AttentionContext) -> Tensor:
        """Run one layer. Shapes: (batch, sequence, hidden) in and out."""
        hidden = self.attention_norm(hidden + self.dropout(self.attention(hidden, context)))
        out: Tensor = self.feed_forward_norm(hidden + self.dropout(self.feed_forward(hidden)))
        return out


class PreNormLayer(Layer):
    """Attention and feed-forward, each of its normalised input and added to it (pre-LayerNorm,
    Xiong et al. 2020).
    """

    def forward(self, hidden: Tensor, context: AttentionContext) -> Tensor:
        """Run one layer. Shapes: (batch, sequence, hidden) in and out."""
        hidden = hidden + self.dropout(self.attention(self.attention_norm(hidden), context))
        out: Tensor = hidden + self.dropout(self.feed_forward(self.feed_forward_norm(hidden)))
        return out


class Pooler(nn.Module):
    """BERT's tanh projection of the first token, the input of next-sentence prediction."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden, config.hidden)

    def forward(self, last_hidden_state: Tensor) -> Tensor:
        """Project the first token. Shapes: (batch, sequence, hidden) to (batch, hidden)."""
        return torch.tanh(self.dense(last_hidden_state[:, 0]))


def layer_norm(config: EncoderConfig, width: int) -> nn.LayerNorm:
    """A LayerNorm as the config wants it (Ba et al. 2016)."""
    return nn.LayerNorm(width, eps=config.layer_norm_epsilon, bias=config.norm_bias)


def _attention(config: EncoderConfig, widths: LayerWidths) -> SelfAttention:
    if isinstance(config.relative, Disentangled):
        return DisentangledAttention(config, widths, config.relative)
    return SelfAttention(config, widths)


def _row(padding_id: int, config: EncoderConfig) -> int | None:
    """`padding_id` where the table has such a row; a config may name one that it lacks."""
    return padding_id if 0 <= padding_id < config.vocabulary else None


def init_weights(module: nn.Module, deviation: float) -> None:
    """Give a linear map or a table the weights BERT begins with: normal, and biases zero."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=deviation)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        nn.init.zeros_(module.weight[module.padding_idx].detach())
