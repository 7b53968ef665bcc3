"""Self-attention, and what it is told about positions."""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebert.model.config import Disentangled, EncoderConfig, LayerWidths
from edgebert.model.positions import Rotation, rotate

LOWEST: Final = torch.finfo(torch.float32).min
"""Score of a dropped key: exp underflows to 0, and a row of nothing else stays finite."""


@dataclass(frozen=True, kw_only=True)
class AttentionContext:
    """Masks and positions for attention, the same for all layers of one kind.

    Attributes:
        keep: (batch, 1, sequence, sequence), bool, true where a query may see a key.
        bias: (1, heads, sequence, sequence), float, added to scores; or None.
        rotation: what queries and keys are turned by; or None.
        distances: vectors (rows, hidden) and rows (sequence, sequence) of distances; or None.
    """

    keep: Tensor
    bias: Tensor | None = None
    rotation: Rotation | None = None
    distances: tuple[Tensor, Tensor] | None = None

    @property
    def mask(self) -> Tensor:
        """`keep` alone, or the bias with the lowest score where nothing is kept."""
        return self.keep if self.bias is None else masked(self.bias, self.keep)


def masked(scores: Tensor, keep: Tensor) -> Tensor:
    """Scores where `keep`, the lowest elsewhere; (batch, heads, sequence, sequence)."""
    return torch.where(keep, scores, LOWEST)


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2).

    A pruned one has some of the encoder's heads.
    """

    left: Tensor | None

    def __init__(self, config: EncoderConfig, widths: LayerWidths) -> None:
        super().__init__()
        self.heads = len(widths.heads)
        left = torch.tensor(widths.heads, device="cpu") if self.heads < config.heads else None
        self.register_buffer("left", left, persistent=False)
        self.head_dimension = config.head_dimension
        bias = config.attention_bias
        inner = self.heads * config.head_dimension
        self.query = nn.Linear(config.hidden, inner, bias=bias)
        self.key = nn.Linear(config.hidden, inner, bias=bias)
        self.value = nn.Linear(config.hidden, inner, bias=bias)
        self.output = nn.Linear(inner, config.hidden, bias=bias)
        self.attention_dropout = config.attention_dropout
        self.scale = 1.0 / math.sqrt(config.head_dimension)

    def forward(self, hidden: Tensor, context: AttentionContext) -> Tensor:
        """Mix the tokens that the context lets each token see.

        Shapes:
            hidden: (batch, sequence, hidden), also returned
        """
        query, key = self._queries_and_keys(hidden, context)
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            self._split(self.value(hidden)),
            attn_mask=self._mask(query, key, context),
            dropout_p=self.attention_dropout if self.training else 0.0,
            scale=self.scale,
        )
        # A copy in words: torch.onnx.export guesses the kernel's layout, with a float mask wrongly.
        together = mixed.transpose(1, 2).clone(memory_format=torch.contiguous_format)
        joined: Tensor = self.output(together.flatten(2))
        return joined

    def weights(self, hidden: Tensor, context: AttentionContext) -> Tensor:
        """How much each token takes from each other one; what `forward` mixes by.

        Shapes:
            hidden: (batch, sequence, hidden)
            returns: (batch, heads, sequence, sequence); each row sums to 1
        """
        query, key = self._queries_and_keys(hidden, context)
        scores = query @ key.transpose(-1, -2) * self.scale
        mask = self._mask(query, key, context)
        shown = masked(scores, mask) if mask.dtype == torch.bool else scores + mask
        return shown.softmax(dim=-1)

    def _queries_and_keys(self, hidden: Tensor, context: AttentionContext) -> tuple[Tensor, Tensor]:
        """(batch, heads, sequence, head dimension) each, turned where positions are rotary."""
        query, key = self._split(self.query(hidden)), self._split(self.key(hidden))
        if context.rotation is None:
            return query, key
        return rotate(query, context.rotation), rotate(key, context.rotation)

    def _mask(self, query: Tensor, key: Tensor, context: AttentionContext) -> Tensor:
        del query, key
        if context.bias is None or self.left is None:
            return context.mask
        return masked(context.bias.index_select(1, self.left), context.keep)

    def _split(self, projected: Tensor) -> Tensor:
        """(batch, sequence, inner) to (batch, heads, sequence, head dimension)."""
        batch, sequence, _ = projected.shape
        return projected.view(batch, sequence, self.heads, self.head_dimension).transpose(1, 2)


class DisentangledAttention(SelfAttention):
    """Attention whose scores also compare content with distance (He et al. 2021, section 3.1).

    Queries and keys are the content's; what they score against distances is a bias of its own
    for every text.
    """

    def __init__(self, config: EncoderConfig, widths: LayerWidths, relative: Disentangled) -> None:
        super().__init__(config, widths)
        self.relative = relative
        self.scale = 1.0 / math.sqrt(config.head_dimension * relative.terms)
        if not relative.shared:
            inner = self.heads * self.head_dimension
            if relative.content_to_position:
                self.distance_key = nn.Linear(config.hidden, inner)
            if relative.position_to_content:
                self.distance_query = nn.Linear(config.hidden, inner)

    def _mask(self, query: Tensor, key: Tensor, context: AttentionContext) -> Tensor:
        if context.distances is None:
            return context.mask
        vectors, rows = context.distances
        index = rows.expand(query.shape[0], self.heads, *rows.shape)
        scores = []
        if self.relative.content_to_position:
            project = self.key if self.relative.shared else self.distance_key
            against = self._project(project, vectors)
            scores.append((query @ against).gather(-1, index))
        if self.relative.position_to_content:
            project = self.query if self.relative.shared else self.distance_query
            against = self._project(project, vectors)
            # Row of key − query turned round is the row of query − key of the transposed pair.
            scores.append((key @ against).gather(-1, index.transpose(-1, -2)).transpose(-1, -2))
        return masked(sum(scores[1:], scores[0]) * self.scale, context.keep)

    def _project(self, projection: nn.Linear, vectors: Tensor) -> Tensor:
        """(rows, hidden) to (1, heads, head dimension, rows)."""
        split: Tensor = projection(vectors).view(1, -1, self.heads, self.head_dimension)
        return split.permute(0, 2, 3, 1)
