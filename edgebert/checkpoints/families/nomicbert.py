"""NomicBERT: rotary positions, gated SiLU, no biases in the linear maps.

Source: transformers v5.23.0, src/transformers/models/nomic_bert/configuration_nomic_bert.py and
modeling_nomic_bert.py; the names of tensors in files, which are older, from
src/transformers/conversion_mapping.py; the older keys from the config of
nomic-ai/nomic-embed-text-v1.5 and the code released with it (configuration_hf_nomic_bert.py).
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.families.bert import CONSTANTS, SIZES, fill_table
from edgebert.checkpoints.families.family import Family, layered, rotary_theta, same, stacked
from edgebert.checkpoints.families.fields import BERT_NUMBERS, WEIGHT, KeyMapping
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.model.config import EncoderConfig, Positions, Rotary
from edgebert.model.heads import Pooled

THETA: Final = 1000.0

OLD_KEYS: Final = {
    "n_embd": "hidden_size",
    "n_head": "num_attention_heads",
    "n_inner": "intermediate_size",
    "n_layer": "num_hidden_layers",
    "layer_norm_epsilon": "layer_norm_eps",
    "resid_pdrop": "hidden_dropout_prob",
    "attn_pdrop": "attention_probs_dropout_prob",
}
OLD_POSITIONS: Final = ("max_trained_positions", "n_positions")
"""Beyond the trained ones the released code stretches the angles, which is not computed here."""

OLD_PLAIN: Final[Mapping[str, tuple[Any, str]]] = {
    "activation_function": ("swiglu", "only a feed-forward gated by SiLU is supported"),
    "prenorm": (False, "only LayerNorm after each block is supported"),
    "parallel_block": (False, "parallel blocks are not supported"),
    "qkv_proj_bias": (False, "biases of linear layers are not supported"),
    "mlp_fc1_bias": (False, "biases of linear layers are not supported"),
    "mlp_fc2_bias": (False, "biases of linear layers are not supported"),
    "use_rms_norm": (False, "RMSNorm is not supported"),
    "rotary_emb_fraction": (1.0, "partial rotary embeddings are not supported"),
    "rotary_emb_interleaved": (False, "interleaved rotary embeddings are not supported"),
    "rotary_emb_scale_base": (None, "scaled rotary embeddings are not supported"),
    "causal": (False, "only bidirectional attention is supported"),
}

FIXED: Final = {
    "position_kind": Positions.NONE,
    "attention_bias": False,
    "feed_forward_bias": False,
    "gated": True,
}

LAYER: Final = {
    "norm1": "attention_norm",
    "norm2": "feed_forward_norm",
}


def _names(config: EncoderConfig) -> list[KeyMapping]:
    names = same("embeddings.word_embeddings", "embeddings.token", WEIGHT)
    if config.token_types:
        names += same("embeddings.token_type_embeddings", "embeddings.token_type", WEIGHT)
    names += same("emb_ln", "embeddings.norm")
    for number in range(config.layers):
        names += _linear_names(f"encoder.layers.{number}", f"layers.{number}")
    return [*names, *layered(config, "encoder.layers.{}", LAYER)]


def _linear_names(theirs: str, ours: str) -> list[KeyMapping]:
    parts = tuple(f"{ours}.attention.{part}" for part in ("query", "key", "value"))
    halves = (f"{theirs}.mlp.fc12", f"{theirs}.mlp.fc11")
    return [
        *stacked((f"{theirs}.attn.Wqkv",), parts, WEIGHT),
        *same(f"{theirs}.attn.out_proj", f"{ours}.attention.output", WEIGHT),
        *stacked(halves, (f"{ours}.feed_forward.expand",), WEIGHT),
        *same(f"{theirs}.mlp.fc2", f"{ours}.feed_forward.contract", WEIGHT),
    ]


def _modern(hf_config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keys of today for the config of a release from before transformers had the family."""
    if "n_embd" not in hf_config:
        return hf_config
    positions = min(hf_config[key] for key in OLD_POSITIONS if hf_config.get(key))
    renamed = {OLD_KEYS.get(key, key): value for key, value in hf_config.items()}
    swiglu = {"hidden_act": "silu"} if hf_config.get("activation_function") == "swiglu" else {}
    return {
        **renamed,
        **swiglu,
        "max_position_embeddings": positions,
        "rope_parameters": {"rope_theta": hf_config.get("rotary_emb_base", THETA)},
    }


def _rope(hf_config: Mapping[str, Any]) -> Mapping[str, Any]:
    return hf_config.get("rope_parameters") or {}


def _refusals(hf_config: Mapping[str, Any]) -> list[str]:
    refused = []
    if _rope(hf_config).get("rope_type", "default") != "default":
        refused.append(f"rope_parameters={_rope(hf_config)!r}, expected rope_type 'default'")
    width = hf_config["hidden_size"] // max(hf_config["num_attention_heads"], 1)
    if hf_config.get("head_dim") not in (None, width):
        refused.append(f"head_dim={hf_config['head_dim']!r}, expected {width}")
    return refused


def _fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return {"relative": Rotary(theta=float(_rope(hf_config).get("rope_theta", THETA)))}


def _keys(config: EncoderConfig) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": rotary_theta(config)}}


NOMIC_BERT: Final = Family(
    model_type="nomic_bert",
    architecture="NomicBertModel",
    tokenizer_class="BertTokenizer",
    sizes=SIZES,
    numbers={
        **BERT_NUMBERS,
        "hidden_dropout_prob": ("hidden_dropout", 0.0),
        "attention_probs_dropout_prob": ("attention_dropout", 0.0),
    },
    names=_names,
    fixed=FIXED,
    fields=_fields,
    keys=_keys,
    plain=OLD_PLAIN,
    refusals=_refusals,
    upgrade=_modern,
    prefix="nomic_bert.",
    pooler=tuple(same("pooler.dense", "pooler.dense")),
    constants=CONSTANTS,
    heads={"cls.": "masked language model", "classifier.": "classification"},
    tasks=(
        HeadTable(task="classify", model="NomicBert", out="classifier", pooled=Pooled.POOLER),
        HeadTable(task="tag", model="NomicBert", out="classifier"),
        fill_table("NomicBert", norm="layer_norm"),
    ),
    remote_code=True,
)
