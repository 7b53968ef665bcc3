"""The text-book encoder of torch's own classes."""

import math
from typing import Any

import torch
from torch import Tensor, nn

CONFIG: dict[str, Any] = {
    "model_type": "transformer",
    "vocab_size": 1003,
    "d_model": 30,
    "nhead": 3,
    "num_layers": 3,
    "dim_feedforward": 44,
    "max_length": 70,
    "activation": "relu",
    "layer_norm_eps": 1e-5,
}


class TextBook(nn.Module):
    """What Vaswani et al. 2017 describe, of torch's parts."""

    def __init__(self, **changes: Any) -> None:
        super().__init__()
        config = CONFIG | changes
        bias = config.get("bias", True)
        layer = nn.TransformerEncoderLayer(
            config["d_model"],
            config["nhead"],
            config["dim_feedforward"],
            activation=config["activation"],
            batch_first=True,
            norm_first=config.get("norm_first", False),
            bias=bias,
        )
        norm = nn.LayerNorm(config["d_model"], bias=bias) if config.get("final_norm") else None
        self.embedding = nn.Embedding(config["vocab_size"], config["d_model"])
        self.encoder = nn.TransformerEncoder(
            layer, config["num_layers"], norm=norm, enable_nested_tensor=False
        )
        self.scale = math.sqrt(config["d_model"]) if config.get("scale_embeddings", True) else 1.0

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        width, length = self.embedding.embedding_dim, input_ids.shape[1]
        angles = torch.arange(length)[:, None] / 10000.0 ** (torch.arange(0, width, 2) / width)
        positions = torch.zeros(length, width)
        positions[:, 0::2], positions[:, 1::2] = angles.sin(), angles.cos()
        vectors = self.embedding(input_ids) * self.scale + positions
        encoded: Tensor = self.encoder(vectors, src_key_padding_mask=attention_mask == 0)
        return encoded


def random_text_book(**changes: Any) -> TextBook:
    torch.manual_seed(0)
    model = TextBook(**changes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model
