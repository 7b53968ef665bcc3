"""The shape of an encoder, as one frozen value."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edgebert_runtime.errors import ConfigError


class Activation(StrEnum):
    """Non-linearity of a feed-forward block or of a head."""

    GELU = "gelu"
    """Exact GELU, x · Φ(x) (Hendrycks & Gimpel 2016, section 2)."""
    GELU_TANH = "gelu_tanh"
    """The tanh approximation of the same paper."""
    RELU = "relu"
    SILU = "silu"
    """x · sigmoid(x) (Hendrycks & Gimpel 2016, section 2)."""
    TANH = "tanh"


class Positions(StrEnum):
    """The kind of position vector that is added to a token's vector."""

    LEARNED = "learned"
    """A learned row for each of 0…sequence−1 (Devlin et al. 2019, figure 2)."""
    COUNTED = "counted"
    """A learned row, counted over the ids that are not padding, from padding_id + 1 on
    (Liu et al. 2019, as released in fairseq)."""
    SINUSOIDAL = "sinusoidal"
    """Sines and cosines that are not learned (Vaswani et al. 2017, section 3.5)."""
    NONE = "none"
    """Nothing: attention itself looks at positions, or nothing does."""

    @property
    def is_table(self) -> bool:
        """Whether it is learned, and so stored in checkpoints."""
        return self in (Positions.LEARNED, Positions.COUNTED)


@dataclass(frozen=True, kw_only=True)
class Rotary:
    """Queries and keys turned by an angle that grows with the position (Su et al. 2021, 3.4).

    Attributes:
        theta: base of the angles' wavelengths.
    """

    theta: float


@dataclass(frozen=True, kw_only=True)
class RelativeBias:
    """A learned score for each head and bucket of distances (Raffel et al. 2020, section 2.1).

    Attributes:
        buckets: how many, half of them for keys after the query.
        max_distance: distances from here on share one bucket.
    """

    buckets: int
    max_distance: int

    def __post_init__(self) -> None:
        if self.buckets < 4 or self.max_distance <= self.buckets // 4:
            raise ConfigError(
                f"{self.buckets} buckets up to distance {self.max_distance}, expected at least 4 "
                "and a distance above a quarter of them"
            )


@dataclass(frozen=True, kw_only=True)
class Disentangled:
    """Scores of content against distance and of distance against content (He et al. 2021, 3.1).

    Attributes:
        buckets: distances on either side that have a vector each; beyond a half of them,
            logarithmically fewer. 0: each distance has its own.
        max_distance: the farthest distance that is told apart.
        content_to_position, position_to_content: which of the two terms there are.
        shared: whether the layers' own query and key maps project distances too.
        normalized: whether the vectors of distances pass through a LayerNorm.
    """

    buckets: int
    max_distance: int
    content_to_position: bool
    position_to_content: bool
    shared: bool
    normalized: bool

    def __post_init__(self) -> None:
        if self.max_distance < 1 or self.buckets < 0 or self.buckets == 1:
            raise ConfigError(
                f"{self.buckets} buckets up to distance {self.max_distance}, expected 0 or at "
                "least 2, and a distance of at least 1"
            )

    @property
    def terms(self) -> int:
        """Terms that a score is summed from."""
        return 1 + self.content_to_position + self.position_to_content

    @property
    def span(self) -> int:
        """Vectors on either side of distance 0."""
        return self.buckets or self.max_distance


@dataclass(frozen=True, kw_only=True)
class LocalAttention:
    """Layers in which a token sees only its neighbours (Beltagy et al. 2020, section 3.1).

    Attributes:
        reach: how many tokens on either side.
        layers: indices of these layers.
        theta: their rotary base.
    """

    reach: int
    layers: tuple[int, ...]
    theta: float


@dataclass(frozen=True, kw_only=True)
class LayerWidths:
    """What a layer of a pruned encoder has left.

    Attributes:
        heads: which of the encoder's attention heads, in order.
        intermediate: width between the two feed-forward matrices.
    """

    heads: tuple[int, ...]
    intermediate: int


MOST: Final = 2**24
MOST_LAYERS: Final = 1_000
"""No encoder comes near; a module of so many layers would fill the memory before it has weights."""

SIZES: Final = ("vocabulary", "hidden", "layers", "heads", "intermediate", "positions")


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """All settings that decide what an encoder computes.

    What has a default is as in BERT (Devlin et al. 2019, section 3); other families say where
    they differ. What has none differs from checkpoint to checkpoint.

    Attributes:
        vocabulary: number of token ids.
        hidden: width of a token vector.
        layers: number of Transformer layers.
        heads: attention heads; must divide `hidden`.
        intermediate: width between the two feed-forward matrices.
        positions: the longest sequence in tokens.
        token_types: rows of the segment table; 0 where there is none.
        activation: non-linearity of the feed-forward block.
        layer_norm_epsilon: added to the variance in every LayerNorm.
        padding_id: id of the padding token.
        hidden_dropout: probability, after embeddings and both blocks of a layer (training only).
        attention_dropout: probability, on attention weights (training only).
        initializer_range: standard deviation of a new encoder's weights.
        pooler: whether the encoder carries BERT's tanh pooler over the first token.
        embedding: width of the embedding tables; `hidden` when None. Where it is given, a linear
            map leads from it to `hidden` (Lan et al. 2020, section 3.1).
        position_kind: what the embeddings add for the position.
        relative: how attention looks at positions, where it does.
        local: which layers see only neighbours.
        scale_embeddings: whether token vectors are multiplied by √hidden (Vaswani et al. 2017,
            section 3.4).
        embedding_norm: whether the embeddings end in a LayerNorm.
        pre_norm: whether LayerNorm comes before each block instead of after its residual.
        first_norm: whether the first layer's attention has its LayerNorm; others always do.
        final_norm: whether a LayerNorm follows the last layer.
        norm_bias, attention_bias, feed_forward_bias: whether these have biases.
        gated: whether the feed-forward block multiplies its activation with a second linear map
            (Shazeer 2020).
        layer_groups: how many distinct layers there are, each used in a run of layers; `layers`
            when None (Lan et al. 2020, section 3.1).
        widths: of a pruned encoder, those of each distinct layer; None where every layer has all
            `heads` and is `intermediate` wide.

    Raises:
        ConfigError: a size is not positive, `heads` does not divide `hidden`, a layer is left
            empty, or values contradict each other.
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
    embedding: int | None = None
    position_kind: Positions = Positions.LEARNED
    relative: Rotary | RelativeBias | Disentangled | None = None
    local: LocalAttention | None = None
    scale_embeddings: bool = False
    embedding_norm: bool = True
    pre_norm: bool = False
    first_norm: bool = True
    final_norm: bool = False
    norm_bias: bool = True
    attention_bias: bool = True
    feed_forward_bias: bool = True
    gated: bool = False
    layer_groups: int | None = None
    widths: tuple[LayerWidths, ...] | None = None

    def __post_init__(self) -> None:
        bad = [f"{name}={getattr(self, name)!r}" for name in SIZES if getattr(self, name) < 1]
        if bad:
            raise ConfigError(f"sizes must be at least 1, got {', '.join(bad)}")
        if self.token_types < 0:
            raise ConfigError(f"token_types must be at least 0, got {self.token_types!r}")
        limits = dict.fromkeys((*SIZES, "token_types"), MOST) | {"layers": MOST_LAYERS}
        bad = [
            f"{name}={found}"
            for name, most in limits.items()
            if (found := getattr(self, name)) > most
        ]
        if bad:
            raise ConfigError(
                f"sizes must be at most {MOST}, and layers {MOST_LAYERS}, got {', '.join(bad)}"
            )
        if self.hidden % self.heads:
            raise ConfigError(
                f"{self.heads} heads do not divide a hidden size of {self.hidden}; "
                "each head needs the same whole number of dimensions"
            )
        self._check_parts()

    def _check_parts(self) -> None:
        if isinstance(self.relative, Rotary) and self.head_dimension % 2:
            raise ConfigError(
                f"rotary positions turn pairs of dimensions, a head here has {self.head_dimension}"
            )
        if self.local is not None and not isinstance(self.relative, Rotary):
            raise ConfigError("local attention has a rotary base; it goes with rotary positions")
        if self.layer_groups is not None and not 1 <= self.layer_groups <= self.layers:
            raise ConfigError(
                f"layer_groups must be between 1 and {self.layers}, the layers there are; "
                f"got {self.layer_groups}"
            )
        if self.position_kind is Positions.COUNTED and self.padding_id < 0:
            raise ConfigError("positions counted over tokens need the id of the padding token")
        self._check_widths()

    def _check_widths(self) -> None:
        if self.widths is None:
            return
        if len(self.widths) != self.distinct_layers:
            raise ConfigError(
                f"widths of {len(self.widths)} layers, expected {self.distinct_layers}: one for "
                "each layer with weights of its own"
            )
        for number, layer in enumerate(self.widths):
            if list(layer.heads) != sorted(set(layer.heads).intersection(range(self.heads))):
                raise ConfigError(
                    f"layer {number} has the heads {list(layer.heads)}, expected some of 0 to "
                    f"{self.heads - 1}, in order"
                )
            if not layer.heads or not 1 <= layer.intermediate <= self.intermediate:
                raise ConfigError(
                    f"layer {number} has {len(layer.heads)} heads and is {layer.intermediate} "
                    f"wide, expected at least 1 head and 1 to {self.intermediate}"
                )

    @property
    def head_dimension(self) -> int:
        """Dimensions of one attention head."""
        return self.hidden // self.heads

    @property
    def embedding_width(self) -> int:
        """Width of the embedding tables."""
        return self.hidden if self.embedding is None else self.embedding

    @property
    def position_rows(self) -> int:
        """Rows of a learned position table."""
        counted = self.position_kind is Positions.COUNTED
        return self.positions + self.padding_id + 1 if counted else self.positions

    @property
    def distinct_layers(self) -> int:
        """Layers with weights of their own."""
        return self.layers if self.layer_groups is None else self.layer_groups

    def widths_of(self, layer: int) -> LayerWidths:
        """Of the distinct layer number `layer`."""
        if self.widths is not None:
            return self.widths[layer]
        return LayerWidths(heads=tuple(range(self.heads)), intermediate=self.intermediate)

    @property
    def layer_heads(self) -> int | None:
        """Attention heads of a layer; None where layers differ."""
        counts = {len(self.widths_of(each).heads) for each in range(self.distinct_layers)}
        return counts.pop() if len(counts) == 1 else None

    def is_local(self, layer: int) -> bool:
        """Whether layer number `layer` sees only neighbours."""
        return self.local is not None and layer in self.local.layers

    @property
    def layer_norms(self) -> int:
        """LayerNorms that one run passes through."""
        in_layers = 2 * self.layers - (not self.first_norm)
        distances = isinstance(self.relative, Disentangled) and self.relative.normalized
        return in_layers + self.embedding_norm + self.final_norm + distances

    @property
    def gelus(self) -> int:
        """GELUs that one run passes through."""
        return self.layers if self.activation.value.startswith("gelu") else 0
