"""The text-book encoder against torch's own classes."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgebert.checkpoints.families.transformer import TRANSFORMER
from edgebert.checkpoints.state_dict import (
    config_from_hf,
    config_to_hf,
    state_from_hf,
    state_to_hf,
)
from edgebert.model.encoder import Encoder
from edgebert.model.positions import sinusoids

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


CHANGES = [
    {},
    {"norm_first": True, "final_norm": True},
    {"bias": False, "activation": "gelu"},
    {"scale_embeddings": False, "final_norm": True, "bias": False},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("length", [1, 17, 70])
def test_vectors_are_those_of_torchs_classes(changes: dict[str, Any], length: int) -> None:
    model = random_text_book(**changes)
    config = config_from_hf(TRANSFORMER, CONFIG | changes, pooler=False)
    encoder = Encoder(config).eval()
    encoder.load_state_dict(state_from_hf(TRANSFORMER, model.state_dict(), config))
    ids = torch.randint(0, 1003, (2, length))
    mask = torch.ones_like(ids)
    mask[1, length // 2 + 1 :] = 0
    with torch.no_grad():
        expected, found = model(ids, mask), encoder(ids, mask)
    kept = mask.bool()
    torch.testing.assert_close(found[kept], expected[kept], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("changes", CHANGES)
def test_saved_it_is_what_torch_had(changes: dict[str, Any]) -> None:
    model = random_text_book(**changes)
    config = config_from_hf(TRANSFORMER, CONFIG | changes, pooler=False)
    assert config_from_hf(TRANSFORMER, config_to_hf(TRANSFORMER, config), pooler=False) == config
    state = state_from_hf(TRANSFORMER, model.state_dict(), config)
    written = state_to_hf(TRANSFORMER, state, config)
    assert written.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(written[name], tensor), name


def test_sinusoids_by_hand() -> None:
    table = sinusoids(3, 5).numpy()
    second = 10000 ** (2 / 5)
    expected = [0.0, 1.0, 0.0, 1.0, 0.0]
    np.testing.assert_allclose(table[0], expected, atol=1e-7)
    expected = [math.sin(2), math.cos(2), math.sin(2 / second), math.cos(2 / second)]
    np.testing.assert_allclose(table[2, :4], expected, rtol=1e-6)
