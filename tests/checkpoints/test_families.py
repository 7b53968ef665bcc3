"""Every family against transformers: the same vectors, and back into transformers unchanged."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from edgebert.checkpoints.state_dict import (
    config_from_hf,
    config_to_hf,
    has_pooler,
    state_from_hf,
    state_to_hf,
)
from edgebert.model.encoder import Encoder
from tests.support.families import POSITIONS, SAMPLES, VOCABULARY, build, family_of, ours

TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=SAMPLES)
def theirs(request: pytest.FixtureRequest) -> Any:
    return build(SAMPLES[request.param])


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


def test_transformers_loads_what_is_saved(theirs: Any, tmp_path: Path) -> None:
    family, encoder = family_of(theirs), ours(theirs)
    written = config_to_hf(family, encoder.config)
    (tmp_path / "config.json").write_text(json.dumps(written), encoding="utf-8")
    state = state_to_hf(family, encoder.state_dict(), encoder.config)
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    model, report = type(theirs).from_pretrained(
        tmp_path, attn_implementation="eager", output_loading_info=True, **_pooler_argument(theirs)
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    expected, found, kept = run(model.eval(), encoder, POSITIONS)
    torch.testing.assert_close(found[kept], expected[kept], atol=TOLERANCE, rtol=TOLERANCE)


def _pooler_argument(model: Any) -> dict[str, bool]:
    """Classes that can do without a pooler take an argument for it."""
    return {"add_pooling_layer": model.pooler is not None} if hasattr(model, "pooler") else {}
