"""Task heads: from token vectors to logits."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from torch import Tensor, nn

from edgebert.model.blocks import ACTIVATIONS, init_weights
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.encoder import Encoder
from edgebert.model.sentence import POOLING
from edgebert_runtime.errors import ConfigError


class Pooled(StrEnum):
    """The token vectors that a head reads."""

    TOKENS = "tokens"
    """Every one of them."""
    CLS = "cls"
    """The first."""
    MEAN = "mean"
    """Their mean over the tokens kept."""
    POOLER = "pooler"
    """The first, through BERT's tanh pooler."""


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """All settings that decide what a head computes.

    Attributes:
        kind: `classify`, `tag`, `answer`, `fill` or `next_sentence`.
        outputs: width of the last map: labels, 2 for spans and sentence pairs, or the vocabulary.
        pooled: what it reads.
        width: of the hidden map before the last; None where there is none.
        activation: of the hidden map.
        norm: whether a LayerNorm follows the activation.
        dense_bias, norm_bias, out_bias: whether these have biases.
        tied: whether the last map's weight is the table of token vectors.
        dropout: probability, before the last map (training only).

    Raises:
        ConfigError: no outputs, or a tied head whose width is not the table's.
    """

    kind: str
    outputs: int
    pooled: Pooled
    width: int | None = None
    activation: Activation = Activation.GELU
    norm: bool = False
    dense_bias: bool = True
    norm_bias: bool = True
    out_bias: bool = True
    tied: bool = False
    dropout: float = 0.0

    @property
    def gelu(self) -> bool:
        """Whether one run passes through a GELU."""
        return self.width is not None and self.activation.value.startswith("gelu")

    def __post_init__(self) -> None:
        if self.outputs < 1:
            raise ConfigError(f"a head needs at least 1 output, got {self.outputs}")


class Head(nn.Module):
    """A linear map to logits; before it an optional hidden map with activation and LayerNorm."""

    def __init__(self, encoder: EncoderConfig, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        width = encoder.hidden if config.width is None else config.width
        self.dense = (
            None
            if config.width is None
            else nn.Linear(encoder.hidden, width, bias=config.dense_bias)
        )
        self.activation = ACTIVATIONS[config.activation]
        self.norm = (
            nn.LayerNorm(width, eps=encoder.layer_norm_epsilon, bias=config.norm_bias)
            if config.norm
            else nn.Identity()
        )
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, config.outputs, bias=config.out_bias)
        self.apply(partial(init_weights, deviation=encoder.initializer_range))

    def forward(self, features: Tensor) -> Tensor:
        """Shapes: (…, hidden) to (…, outputs)."""
        if self.dense is not None:
            features = self.norm(self.activation(self.dense(features)))
        logits: Tensor = self.out(self.dropout(features))
        return logits


class EncoderWithHead(nn.Module):
    """An encoder with a head on it.

    Raises:
        ConfigError: the head reads a pooler that the encoder lacks, or is tied to a table of
            another width.
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        if head.config.pooled is Pooled.POOLER and encoder.pooler is None:
            raise ConfigError(f"the head for {head.config.kind} reads a pooler, there is none")
        if head.config.tied:
            self._tie()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Logits of a batch.

        Shapes:
            input_ids, attention_mask, token_type_ids: (batch, sequence), int64
            returns: (batch, outputs); (batch, sequence, outputs) where the head reads every
                token; two of (batch, sequence) for `answer`, starts and ends
        """
        optional = () if token_type_ids is None else (token_type_ids,)
        hidden: Tensor = self.encoder(input_ids, attention_mask, *optional)
        logits: Tensor = self.head(self._features(hidden, attention_mask))
        return logits.unbind(dim=-1) if self.head.config.kind == "answer" else (logits,)

    def _features(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        pooled = self.head.config.pooled
        if pooled is Pooled.TOKENS:
            return hidden
        if pooled is Pooled.POOLER:
            return self.encoder.pool(hidden)
        return POOLING[pooled.value](hidden, attention_mask)

    def _tie(self) -> None:
        """Let the last map use the table of token vectors (Press & Wolf 2017)."""
        table = self.encoder.embeddings.token.weight
        if self.head.out.weight.shape != table.shape:
            raise ConfigError(
                f"the head's weight is {tuple(self.head.out.weight.shape)}, the table of token "
                f"vectors {tuple(table.shape)}; they are one where the head is tied"
            )
        self.head.out.weight = table
