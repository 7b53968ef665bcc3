"""The encoder: embeddings, a stack of layers, and BERT's pooler where the checkpoint has one."""

from functools import partial

from torch import Tensor, nn

from edgebert.model.attention import AttentionContext
from edgebert.model.blocks import Embeddings, Layer, Pooler, PreNormLayer, init_weights, layer_norm
from edgebert.model.config import Disentangled, EncoderConfig, RelativeBias, Rotary
from edgebert.model.positions import BiasTable, DistanceVectors, RotaryPositions, distances
from edgebert_runtime.errors import ConfigError


class Encoder(nn.Module):
    """A bidirectional Transformer encoder; `config` says which.

    A new encoder has weights drawn as BERT's are: normal with `initializer_range`, biases zero.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        kind = PreNormLayer if config.pre_norm else Layer
        self.layers = nn.ModuleList(
            kind(config, config.widths_of(number), first=number == 0)
            for number in range(config.distinct_layers)
        )
        self.final_norm = layer_norm(config, config.hidden) if config.final_norm else nn.Identity()
        self.pooler = Pooler(config) if config.pooler else None
        self.relative = _relative(config)
        self.local_rotary = RotaryPositions(config, config.local.theta) if config.local else None
        self.apply(partial(init_weights, deviation=config.initializer_range))

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Encode a batch.

        Shapes:
            input_ids, attention_mask, token_type_ids: (batch, sequence), int64; the mask is 1
                where a token is kept and 0 where it is dropped; segments are left out where the
                config has none
            returns: last_hidden_state, (batch, sequence, hidden), float
        """
        hidden, contexts = self.begin(input_ids, attention_mask, token_type_ids)
        for number, context in enumerate(contexts):
            hidden = self.layers[self.distinct(number)](hidden, context)
        final: Tensor = self.final_norm(hidden)
        return final

    def begin(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, list[AttentionContext]]:
        """What the first layer reads, and the context of each layer that runs.

        Shapes:
            input_ids, attention_mask, token_type_ids: as `forward`
            returns: (batch, sequence, hidden)
        """
        everywhere = self._context(attention_mask)
        nearby = self._local_context(everywhere)
        hidden: Tensor = self.embeddings(input_ids, token_type_ids)
        layers = range(self.config.layers)
        return hidden, [nearby if self.config.is_local(each) else everywhere for each in layers]

    def pool(self, last_hidden_state: Tensor) -> Tensor:
        """BERT's pooled first token. Shapes: (batch, sequence, hidden) to (batch, hidden).

        Raises:
            ConfigError: the encoder was built without a pooler.
        """
        if self.pooler is None:
            raise ConfigError("this encoder has no pooler; its checkpoint carries none")
        pooled: Tensor = self.pooler(last_hidden_state)
        return pooled

    def distinct(self, number: int) -> int:
        """Which of `layers` runs as layer number `number`."""
        return number * len(self.layers) // self.config.layers

    def _context(self, attention_mask: Tensor) -> AttentionContext:
        """The context of a layer in which each token attends to all kept tokens."""
        batch, sequence = attention_mask.shape
        keep = attention_mask.bool()[:, None, None, :].expand(batch, 1, sequence, sequence)
        if isinstance(self.relative, BiasTable):
            return AttentionContext(keep=keep, bias=self.relative(sequence))
        if isinstance(self.relative, DistanceVectors):
            return AttentionContext(keep=keep, distances=self.relative(sequence))
        if isinstance(self.relative, RotaryPositions):
            return AttentionContext(keep=keep, rotation=self.relative(sequence))
        return AttentionContext(keep=keep)

    def _local_context(self, everywhere: AttentionContext) -> AttentionContext:
        """The context of a layer in which each token attends to its neighbours."""
        if self.config.local is None or self.local_rotary is None:
            return everywhere
        sequence = everywhere.keep.shape[-1]
        distance = distances(sequence, everywhere.keep.device).abs()
        # A dropped token sees itself at least: a row of nothing means nothing to any engine.
        keep = (everywhere.keep | (distance == 0)) & (distance <= self.config.local.reach)
        return AttentionContext(keep=keep, rotation=self.local_rotary(sequence))


def _relative(config: EncoderConfig) -> BiasTable | DistanceVectors | RotaryPositions | None:
    """The module of relative positions, where the config has one."""
    match config.relative:
        case RelativeBias():
            return BiasTable(config, config.relative)
        case Disentangled():
            return DistanceVectors(config, config.relative)
        case Rotary():
            return RotaryPositions(config, config.relative.theta)
        case None:
            return None
