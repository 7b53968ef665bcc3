"""The encoder: embeddings, a stack of layers, and BERT's pooler where the checkpoint has one."""

from torch import Tensor, nn

from edgebert.model.blocks import Embeddings, Layer, Pooler
from edgebert.model.config import EncoderConfig
from edgebert_runtime.errors import ConfigError


class Encoder(nn.Module):
    """A BERT encoder (Devlin et al. 2019).

    A new encoder has weights drawn as BERT's are: normal with `initializer_range`, biases zero.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.pooler = Pooler(config) if config.pooler else None
        self.apply(self._initialise)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Encode a batch.

        Shapes:
            input_ids, attention_mask, token_type_ids: (batch, sequence), int64; the mask is 1
                where a token is kept and 0 where it is dropped
            returns: last_hidden_state, (batch, sequence, hidden), float
        """
        batch, sequence = input_ids.shape
        keep = attention_mask.bool()[:, None, None, :].expand(batch, 1, sequence, sequence)
        hidden: Tensor = self.embeddings(input_ids, token_type_ids)
        for layer in self.layers:
            hidden = layer(hidden, keep)
        return hidden

    def pool(self, last_hidden_state: Tensor) -> Tensor:
        """BERT's pooled first token. Shapes: (batch, sequence, hidden) to (batch, hidden).

        Raises:
            ConfigError: the encoder was built without a pooler.
        """
        if self.pooler is None:
            raise ConfigError("this encoder has no pooler; its checkpoint carries none")
        pooled: Tensor = self.pooler(last_hidden_state)
        return pooled

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.zeros_(module.weight[module.padding_idx].detach())
