"""Every family against transformers: the same vectors, and back into transformers unchanged."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgebert.checkpoints.families import FAMILIES
from edgebert.checkpoints.family import Family
from edgebert.checkpoints.translation import (
    config_from_hf,
    config_to_hf,
    has_pooler,
    state_from_hf,
    state_to_hf,
)
from edgebert.model.encoder import Encoder
from tests.checkpoints.families import POSITIONS, SAMPLES, VOCABULARY, build

TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=SAMPLES)
def theirs(request: pytest.FixtureRequest) -> Any:
    return build(SAMPLES[request.param])


def family_of(model: Any) -> Family:
    return FAMILIES[model.config.model_type]


def ours(model: Any) -> Encoder:
    family, state = family_of(model), model.state_dict()
    config = config_from_hf(family, model.config.to_dict(), pooler=has_pooler(family, state))
    encoder = Encoder(config).eval()
    encoder.load_state_dict(state_from_hf(family, state, config))
    return encoder


def masks(length: int) -> Tensor:
    """Full, right-padded, left-padded, with holes."""
    mask = torch.ones((4, length), dtype=torch.int64)
    mask[1, length // 2 + 1 :] = 0
    mask[2, : length // 3] = 0
    mask[3, torch.randperm(length)[: length // 2]] = 0
    return mask


def run(model: Any, encoder: Encoder, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Their vectors, ours, and which tokens are kept."""
    torch.manual_seed(length)
    mask = masks(length)
    ids = torch.randint(0, VOCABULARY, mask.shape)
    types = encoder.config.token_types
    segments = {"token_type_ids": torch.randint(0, types, mask.shape)} if types > 1 else {}
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask, **segments).last_hidden_state
        found = encoder(ids, mask, *segments.values())
    return expected, found, mask.bool()


@pytest.mark.parametrize("length", [1, 2, 17, POSITIONS])
def test_vectors_are_those_of_transformers(theirs: nn.Module, length: int) -> None:
    encoder = ours(theirs)
    assert encoder.config.positions == POSITIONS
    expected, found, kept = run(theirs, encoder, length)
    assert expected[kept].std() > 0.1
    torch.testing.assert_close(found[kept], expected[kept], atol=TOLERANCE, rtol=TOLERANCE)


def test_saved_and_loaded_it_is_the_same(theirs: nn.Module) -> None:
    family, encoder = family_of(theirs), ours(theirs)
    written = config_to_hf(family, encoder.config)
    state = state_to_hf(family, encoder.state_dict(), encoder.config)
    config = config_from_hf(family, written, pooler=has_pooler(family, state))
    assert config == encoder.config
    again = state_from_hf(family, state, config)
    assert again.keys() == encoder.state_dict().keys()
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(again[name], tensor), name


def test_transformers_loads_what_is_saved(theirs: Any) -> None:
    family, encoder = family_of(theirs), ours(theirs)
    written = config_to_hf(family, encoder.config)
    state = state_to_hf(family, encoder.state_dict(), encoder.config)
    config = type(theirs.config)(**written)
    config._attn_implementation = "eager"
    model = type(theirs)(config, **_pooler_argument(theirs)).eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected
    assert not missing
    expected, found, kept = run(model, encoder, POSITIONS)
    torch.testing.assert_close(found[kept], expected[kept], atol=TOLERANCE, rtol=TOLERANCE)


def _pooler_argument(model: Any) -> dict[str, bool]:
    """Classes that can do without a pooler take an argument for it."""
    return {"add_pooling_layer": model.pooler is not None} if hasattr(model, "pooler") else {}
