"""The shape of an encoder, as one frozen value."""

from dataclasses import dataclass
from enum import StrEnum

from edgebert_runtime.errors import ConfigError


class Activation(StrEnum):
    """Non-linearity of the feed-forward block."""

    GELU = "gelu"
    """Exact GELU, x · Φ(x) (Hendrycks & Gimpel 2016, section 2)."""
    GELU_TANH = "gelu_tanh"
    """The tanh approximation of the same paper."""
    RELU = "relu"


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Everything that fixes the mathematics of a BERT encoder (Devlin et al. 2019, section 3).

    No field has a default, so that a checkpoint reader cannot forget one.

    Attributes:
        vocabulary: number of token ids.
        hidden: width of a token vector.
        layers: number of Transformer layers.
        heads: attention heads; must divide `hidden`.
        intermediate: width between the two feed-forward matrices.
        positions: rows of the position table, the longest sequence in tokens.
        token_types: rows of the segment table.
        activation: non-linearity of the feed-forward block.
        layer_norm_epsilon: added to the variance in every LayerNorm.
        padding_id: id of the padding token.
        hidden_dropout: probability, after embeddings and both blocks of a layer (training only).
        attention_dropout: probability, on attention weights (training only).
        initializer_range: standard deviation of a new encoder's weights.
        pooler: whether the encoder carries BERT's tanh pooler over the first token.

    Raises:
        ConfigError: a size is not positive, or `heads` does not divide `hidden`.
    """

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    token_types: int
    activation: Activation
    layer_norm_epsilon: float
    padding_id: int
    hidden_dropout: float
    attention_dropout: float
    initializer_range: float
    pooler: bool

    def __post_init__(self) -> None:
        sizes = ("vocabulary", "hidden", "layers", "heads", "intermediate", "positions")
        bad = [f"{name}={getattr(self, name)!r}" for name in sizes if getattr(self, name) < 1]
        if bad:
            raise ConfigError(f"sizes must be at least 1, got {', '.join(bad)}")
        if self.token_types < 1:
            raise ConfigError(f"token_types must be at least 1, got {self.token_types!r}")
        if self.hidden % self.heads:
            raise ConfigError(
                f"{self.heads} heads do not divide a hidden size of {self.hidden}; "
                "each head needs the same whole number of dimensions"
            )

    @property
    def head_dimension(self) -> int:
        """Dimensions of one attention head."""
        return self.hidden // self.heads
