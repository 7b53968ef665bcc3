"""Configs as releases wrote them, and the ones that ask for what edgebert does not compute."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer

from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.state_dict import config_from_hf
from edgebert.checkpoints.tokenizer.read import TokenizerRequirements, read_tokenizer
from edgebert.model.config import EncoderConfig, LocalAttention, Positions, Rotary
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError
from tests.support.tokenizers import TEXTS, save_tokenizer

NOMIC_V1_5: dict[str, Any] = {
    "activation_function": "swiglu",
    "architectures": ["NomicBertModel"],
    "attn_pdrop": 0.0,
    "auto_map": {"AutoModel": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"},
    "causal": False,
    "embd_pdrop": 0.0,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-12,
    "max_trained_positions": 2048,
    "mlp_fc1_bias": False,
    "mlp_fc2_bias": False,
    "model_type": "nomic_bert",
    "n_embd": 768,
    "n_head": 12,
    "n_inner": 3072,
    "n_layer": 12,
    "n_positions": 8192,
    "parallel_block": False,
    "prenorm": False,
    "qkv_proj_bias": False,
    "resid_pdrop": 0.0,
    "rotary_emb_base": 1000,
    "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False,
    "rotary_emb_scale_base": None,
    "rotary_scaling_factor": None,
    "type_vocab_size": 2,
    "use_rms_norm": False,
    "vocab_size": 30528,
}
"""The keys that count of nomic-ai/nomic-embed-text-v1.5's config.json."""


def default_config(name: str, **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = getattr(transformers, f"{name}Config")(**changes).to_dict()
    return config


def read(hf_config: dict[str, Any]) -> EncoderConfig:
    return config_from_hf(FAMILIES[hf_config["model_type"]], hf_config, pooler=False)


def test_nomics_release_is_read_by_its_own_keys() -> None:
    config = read(NOMIC_V1_5)
    assert (config.hidden, config.layers, config.heads) == (768, 12, 12)
    assert (config.intermediate, config.positions) == (3072, 2048)
    assert config.relative == Rotary(theta=1000.0)
    assert config.layer_norm_epsilon == 1e-12


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prenorm", True),
        ("rotary_emb_fraction", 0.5),
        ("rotary_emb_interleaved", True),
        ("qkv_proj_bias", True),
        ("use_rms_norm", True),
        ("activation_function", "gelu"),
        ("causal", True),
    ],
)
def test_a_nomic_key_that_changes_the_mathematics_is_refused(key: str, value: Any) -> None:
    with pytest.raises((UnsupportedModelError, CheckpointError), match=f"{key}|hidden_act"):
        read(NOMIC_V1_5 | {key: value})


def test_modernberts_keys_of_transformers_4_say_the_same() -> None:
    old = {
        **default_config("ModernBert"),
        "global_attn_every_n_layers": 3,
        "global_rope_theta": 160000.0,
        "local_rope_theta": 10000.0,
    }
    del old["layer_types"], old["rope_parameters"]
    config = read(old)
    assert config == read(default_config("ModernBert"))
    assert config.local == LocalAttention(
        reach=64, layers=tuple(n for n in range(22) if n % 3), theta=10000.0
    )


def test_robertas_514_rows_are_512_positions() -> None:
    config = read(default_config("Roberta", max_position_embeddings=514))
    assert (config.positions, config.position_rows) == (512, 514)
    assert config.position_kind is Positions.COUNTED


def test_positions_that_the_padding_id_uses_up_are_refused() -> None:
    with pytest.raises(CheckpointError, match="positions=-1"):
        read(default_config("Roberta", max_position_embeddings=6, pad_token_id=6))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("Albert", "inner_group_num", 2),
        ("MPNet", "relative_attention_num_buckets", 64),
        ("MPNet", "pad_token_id", 0),
        ("DebertaV2", "conv_kernel_size", 3),
        ("DebertaV2", "relative_attention", False),
        ("DebertaV2", "pos_att_type", ["p2p"]),
        ("DebertaV2", "pos_att_type", None),
        ("DebertaV2", "norm_rel_ebd", "batch_norm"),
        ("DebertaV2", "attention_head_size", 32),
        ("DebertaV2", "embedding_size", 32),
        ("ModernBert", "layer_types", ["chunked_attention"] * 22),
        ("ModernBert", "rope_scaling", {"factor": 2.0}),
        ("ModernBert", "rope_parameters", {"full_attention": {"rope_type": "yarn"}}),
        ("NomicBert", "head_dim", 32),
        ("NomicBert", "rope_parameters", {"rope_type": "dynamic", "rope_theta": 1000.0}),
        ("DistilBert", "activation", "mish"),
        ("Roberta", "is_decoder", True),
        ("Electra", "position_embedding_type", "relative_key"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(name: str, key: str, value: Any) -> None:
    plain = default_config(name)
    if name == "DebertaV2":
        plain |= {"relative_attention": True, "pos_att_type": ["c2p"]}
    read(plain)
    with pytest.raises(UnsupportedModelError, match=key):
        read(plain | {key: value})


def test_every_missing_key_is_named_at_once() -> None:
    with pytest.raises(CheckpointError, match=r"activation, dim, hidden_dim.*distilbert encoder"):
        read({"model_type": "distilbert"})


@pytest.mark.parametrize("prefix", [True, False])
def test_robertas_settings_overrule_the_stored_prefix_space(tmp_path: Path, prefix: bool) -> None:
    save_tokenizer("roberta", tmp_path)
    path = tmp_path / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | {"add_prefix_space": prefix}
    path.write_text(json.dumps(settings), encoding="utf-8")
    demands = TokenizerRequirements(
        vocabulary=1003,
        positions=80,
        asked=None,
        settings=None,
        lowercase=False,
        default_class="RobertaTokenizer",
    )
    files, notes = read_tokenizer(tmp_path, demands)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = Tokenizer.from_str(files.json)
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text)["input_ids"]
    assert any("add_prefix_space" in note for note in notes) == prefix


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vocab_size", 2**63),
        ("max_position_embeddings", 2**24 + 1),
        ("type_vocab_size", 10**30),
        ("num_hidden_layers", 1_001),
    ],
)
def test_sizes_that_no_encoder_has_are_refused(key: str, value: int) -> None:
    """Found by make fuzz: torch counts sizes in 64 bits, and layers are made one by one."""
    with pytest.raises(CheckpointError, match=f"sizes must be at most 16777216.*={value}"):
        read(default_config("Bert") | {key: value})
