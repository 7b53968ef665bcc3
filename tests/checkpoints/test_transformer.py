"""The text-book encoder against torch's own classes."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from edgebert.checkpoints.families.transformer import TRANSFORMER
from edgebert.checkpoints.state_dict import (
    config_from_hf,
    config_to_hf,
    state_from_hf,
    state_to_hf,
)
from edgebert.model.encoder import Encoder
from edgebert.model.positions import sinusoids
from tests.support.torch_transformer import CONFIG, random_text_book

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
