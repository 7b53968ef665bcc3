"""The typed blocks an encoder is made of: embeddings, attention, feed-forward, layer, pooler."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgebert.model.config import Activation, EncoderConfig

ACTIVATIONS: Final[dict[Activation, nn.Module]] = {
    Activation.GELU: nn.GELU(),
    Activation.GELU_TANH: nn.GELU(approximate="tanh"),
    Activation.RELU: nn.ReLU(),
}


class Embeddings(nn.Module):
    """Token, position and segment vectors, summed and normalised (Devlin et al. 2019, figure 2)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.token = nn.Embedding(
            config.vocabulary, config.hidden, padding_idx=_row(config.padding_id, config)
        )
        self.position = nn.Embedding(config.positions, config.hidden)
        self.token_type = nn.Embedding(config.token_types, config.hidden)
        self.norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        """Look the ids up.

        Shapes:
            input_ids, token_type_ids: (batch, sequence), int64
            returns: (batch, sequence, hidden)

        Positions are 0…sequence−1 whatever the mask. The table is sliced, not gathered: ONNX
        Runtime 1.31.1 mis-folds a Gather over a Range.
        """
        positions = self.position.weight[: input_ids.shape[1]]
        summed: Tensor = self.token(input_ids) + self.token_type(token_type_ids) + positions
        normalised: Tensor = self.dropout(self.norm(summed))
        return normalised


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.head_dimension = config.head_dimension
        self.query = nn.Linear(config.hidden, config.hidden)
        self.key = nn.Linear(config.hidden, config.hidden)
        self.value = nn.Linear(config.hidden, config.hidden)
        self.output = nn.Linear(config.hidden, config.hidden)
        self.attention_dropout = config.attention_dropout

    def forward(self, hidden: Tensor, keep: Tensor) -> Tensor:
        """Mix the tokens that `keep` lets each token see.

        Shapes:
            hidden: (batch, sequence, hidden)
            keep: (batch, 1, sequence, sequence), bool, true where a query may see a key
            returns: (batch, sequence, hidden)
        """
        mixed = functional.scaled_dot_product_attention(
            self._split(self.query(hidden)),
            self._split(self.key(hidden)),
            self._split(self.value(hidden)),
            attn_mask=keep,
            dropout_p=self.attention_dropout if self.training else 0.0,
        )
        joined: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, projected: Tensor) -> Tensor:
        """(batch, sequence, hidden) to (batch, heads, sequence, head dimension)."""
        batch, sequence, _ = projected.shape
        return projected.view(batch, sequence, self.heads, self.head_dimension).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear maps with a non-linearity between them (Vaswani et al. 2017, section 3.3)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.hidden, config.intermediate)
        self.activation = ACTIVATIONS[config.activation]
        self.contract = nn.Linear(config.intermediate, config.hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """Apply the block to each token. Shapes: (batch, sequence, hidden) in and out."""
        contracted: Tensor = self.contract(self.activation(self.expand(hidden)))
        return contracted


class Layer(nn.Module):
    """Attention and feed-forward, each added to its input and then normalised (post-LayerNorm)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_epsilon)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden: Tensor, keep: Tensor) -> Tensor:
        """Run one layer. Shapes as in `SelfAttention.forward`."""
        hidden = self.attention_norm(hidden + self.dropout(self.attention(hidden, keep)))
        out: Tensor = self.feed_forward_norm(hidden + self.dropout(self.feed_forward(hidden)))
        return out


class Pooler(nn.Module):
    """BERT's tanh projection of the first token, the input of next-sentence prediction."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden, config.hidden)

    def forward(self, last_hidden_state: Tensor) -> Tensor:
        """Project the first token. Shapes: (batch, sequence, hidden) to (batch, hidden)."""
        return torch.tanh(self.dense(last_hidden_state[:, 0]))


def _row(padding_id: int, config: EncoderConfig) -> int | None:
    """`padding_id` where the table has such a row; a config may name one that it lacks."""
    return padding_id if 0 <= padding_id < config.vocabulary else None
