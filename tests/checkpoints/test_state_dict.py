"""BERT's table of names, both ways, and what it refuses."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from edgebert.checkpoints.families.bert import BERT
from edgebert.checkpoints.state_dict import (
    config_from_hf,
    config_to_hf,
    has_pooler,
    heads_in,
    state_from_hf,
    state_to_hf,
)
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.encoder import Encoder
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError
from tests.support.small_checkpoints import TINY, hf_state

ODD = replace(
    TINY,
    token_types=1,
    activation=Activation.RELU,
    layer_norm_epsilon=1e-5,
    padding_id=-1,
    hidden_dropout=0.0,
    attention_dropout=0.25,
    initializer_range=0.5,
    pooler=False,
)


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("config", [TINY, ODD])
def test_a_config_survives_the_round_trip(config: EncoderConfig, activation: Activation) -> None:
    config = replace(config, activation=activation)
    assert config_from_hf(BERT, config_to_hf(BERT, config), pooler=config.pooler) == config


@pytest.mark.parametrize("config", [TINY, ODD])
def test_a_state_survives_the_round_trip(config: EncoderConfig) -> None:
    state = Encoder(config).state_dict()
    back = state_from_hf(BERT, state_to_hf(BERT, state, config), config)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_every_missing_key_is_named_at_once() -> None:
    hf_config = config_to_hf(BERT, TINY)
    for key in ("hidden_size", "vocab_size", "hidden_act"):
        del hf_config[key]
    with pytest.raises(CheckpointError, match=r"lacks hidden_act, hidden_size, vocab_size;"):
        config_from_hf(BERT, hf_config, pooler=True)


def test_a_config_from_before_transformers_takes_berts_defaults() -> None:
    hf_config = config_to_hf(BERT, TINY)
    for key in ("layer_norm_eps", "pad_token_id", "position_embedding_type"):
        del hf_config[key]
    assert config_from_hf(BERT, hf_config, pooler=True) == TINY


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_act", "mish"),
        ("position_embedding_type", "relative_key"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("pruned_heads", {"0": [1]}),
        ("quantization_config", {"load_in_8bit": True}),
        ("embedding_size", 6),
        ("auto_map", {"AutoModel": "modeling.Mine"}),
    ],
)
def test_a_key_that_changes_the_mathematics_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(UnsupportedModelError, match=key):
        config_from_hf(BERT, config_to_hf(BERT, TINY) | {key: value}, pooler=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("chunk_size_feed_forward", 8),
        ("pruned_heads", {}),
        ("embedding_size", 12),
        ("use_cache", False),
        ("auto_map", {"AutoTokenizer": "mine.Tokenizer"}),
        ("position_embedding_type", None),
    ],
)
def test_a_harmless_key_changes_nothing(key: str, value: Any) -> None:
    assert config_from_hf(BERT, config_to_hf(BERT, TINY) | {key: value}, pooler=True) == TINY


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_size", "12"), ("num_hidden_layers", True), ("layer_norm_eps", "tiny")],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(CheckpointError, match=f"{key}={value!r}"):
        config_from_hf(BERT, config_to_hf(BERT, TINY) | {key: value}, pooler=True)


def test_impossible_sizes_name_the_file() -> None:
    hf_config = config_to_hf(BERT, TINY) | {"num_attention_heads": 5}
    with pytest.raises(CheckpointError, match=r"there/config\.json: 5 heads do not divide"):
        config_from_hf(BERT, hf_config, pooler=True, source="there/config.json")


def test_prefix_legacy_names_and_stored_constants_are_understood() -> None:
    tensors = hf_state()
    old = {
        f"bert.{name}".replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): value
        for name, value in tensors.items()
    }
    old["bert.embeddings.position_ids"] = torch.arange(16)[None]
    expected = state_from_hf(BERT, tensors, TINY)
    state = state_from_hf(BERT, old, TINY)
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_heads_are_left_out_and_named() -> None:
    heads = {"cls.predictions.bias": torch.zeros(40), "classifier.weight": torch.zeros(2, 12)}
    tensors = hf_state() | heads
    assert heads_in(BERT, tensors) == ("masked language model", "classification")
    assert state_from_hf(BERT, tensors, TINY).keys() == Encoder(TINY).state_dict().keys()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_stored_floats_become_float32(dtype: torch.dtype) -> None:
    tensors = {name: tensor.to(dtype) for name, tensor in hf_state().items()}
    state = state_from_hf(BERT, tensors, TINY)
    expected = tensors["pooler.dense.weight"].to(torch.float32)
    assert state["pooler.dense.weight"].dtype == torch.float32
    assert torch.equal(state["pooler.dense.weight"], expected)


def test_the_state_is_a_copy() -> None:
    tensors = hf_state()
    state = state_from_hf(BERT, tensors, TINY)
    tensors["pooler.dense.bias"].fill_(7)
    assert state["pooler.dense.bias"].max() < 7


def test_everything_that_does_not_fit_is_listed_once() -> None:
    tensors = hf_state()
    del tensors["encoder.layer.1.output.dense.bias"]
    tensors["encoder.layer.2.output.dense.bias"] = torch.zeros(12)
    tensors["pooler.dense.weight"] = torch.zeros(3, 4)
    tensors["embeddings.LayerNorm.bias"] = torch.zeros(12, dtype=torch.int8)
    tensors["bert.embeddings.LayerNorm.weight"] = torch.ones(12)
    with pytest.raises(CheckpointError) as caught:
        state_from_hf(BERT, tensors, TINY, source="mine")
    text = str(caught.value)
    for problem in (
        "encoder.layer.1.output.dense.bias is missing",
        "encoder.layer.2.output.dense.bias is not expected",
        "pooler.dense.weight is (3, 4), expected (12, 12)",
        "embeddings.LayerNorm.bias is torch.int8",
        "embeddings.LayerNorm.weight is stored twice",
    ):
        assert text.count(problem) == 1, text
    assert text.startswith("mine does not fit")


def test_half_a_pooler_is_a_missing_tensor() -> None:
    tensors = hf_state()
    del tensors["pooler.dense.bias"]
    assert has_pooler(BERT, tensors)
    with pytest.raises(CheckpointError, match=r"pooler\.dense\.bias is missing"):
        state_from_hf(BERT, tensors, TINY)
