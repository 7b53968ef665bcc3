"""ModernBERT: rotary positions, LayerNorm first, gated GELU, and layers that see neighbours only.

Source: transformers v5.23.0, src/transformers/models/modernbert/configuration_modernbert.py and
modeling_modernbert.py; `global_attn_every_n_layers` and the two theta keys from v4.57.1.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from edgebert.checkpoints.families.bert import SIZES_OF_ONE_SEGMENT
from edgebert.checkpoints.families.family import Family, kinds, rotary_theta, same, stacked
from edgebert.checkpoints.families.fields import WEIGHT, KeyMapping
from edgebert.checkpoints.families.head_table import HeadTable, activation_of
from edgebert.model.config import EncoderConfig, LocalAttention, Positions, Rotary
from edgebert.model.heads import Pooled
from edgebert_runtime.errors import ConfigError

GLOBAL, LOCAL = "full_attention", "sliding_attention"
THETA: Final = {GLOBAL: 160_000.0, LOCAL: 10_000.0}
OLD_THETA: Final = {GLOBAL: "global_rope_theta", LOCAL: "local_rope_theta"}
WINDOW: Final = 128
GLOBAL_EVERY: Final = 3

POOLINGS: Final = {"cls": Pooled.CLS, "mean": Pooled.MEAN}

FIXED: Final = {
    "token_types": 0,
    "position_kind": Positions.NONE,
    "pre_norm": True,
    "first_norm": False,
    "final_norm": True,
    "gated": True,
}


def _names(config: EncoderConfig) -> list[KeyMapping]:
    norm = kinds(config.norm_bias)
    names = same("embeddings.tok_embeddings", "embeddings.token", WEIGHT)
    names += same("embeddings.norm", "embeddings.norm", norm)
    for layer in range(config.layers):
        names += _layer_names(config, f"layers.{layer}", first=layer == 0)
    return [*names, *same("final_norm", "final_norm", norm)]


def _layer_names(config: EncoderConfig, layer: str, *, first: bool) -> list[KeyMapping]:
    norm, attention = kinds(config.norm_bias), kinds(config.attention_bias)
    forward = kinds(config.feed_forward_bias)
    parts = tuple(f"{layer}.attention.{part}" for part in ("query", "key", "value"))
    return [
        *([] if first else same(f"{layer}.attn_norm", f"{layer}.attention_norm", norm)),
        *stacked((f"{layer}.attn.Wqkv",), parts, attention),
        *same(f"{layer}.attn.Wo", f"{layer}.attention.output", attention),
        *same(f"{layer}.mlp_norm", f"{layer}.feed_forward_norm", norm),
        *same(f"{layer}.mlp.Wi", f"{layer}.feed_forward.expand", forward),
        *same(f"{layer}.mlp.Wo", f"{layer}.feed_forward.contract", forward),
    ]


def _layer_types(hf_config: Mapping[str, Any]) -> list[str]:
    every = hf_config.get("global_attn_every_n_layers") or GLOBAL_EVERY
    layers = range(hf_config["num_hidden_layers"])
    counted = [LOCAL if layer % every else GLOBAL for layer in layers]
    return list(hf_config.get("layer_types") or counted)


def _rope(hf_config: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return (hf_config.get("rope_parameters") or {}).get(kind) or {}


def _theta(hf_config: Mapping[str, Any], kind: str) -> float:
    stored = _rope(hf_config, kind).get("rope_theta") or hf_config.get(OLD_THETA[kind])
    return float(stored or THETA[kind])


def _refusals(hf_config: Mapping[str, Any]) -> list[str]:
    types = _layer_types(hf_config)
    refused = [
        f"rope_parameters[{kind!r}]={_rope(hf_config, kind)!r}, expected rope_type 'default'"
        for kind in (GLOBAL, LOCAL)
        if _rope(hf_config, kind).get("rope_type", "default") != "default"
    ]
    if len(types) != hf_config["num_hidden_layers"] or set(types) - {GLOBAL, LOCAL}:
        refused.append(f"layer_types={types!r}, expected one of {GLOBAL}, {LOCAL} for each layer")
    if hf_config.get("rope_scaling") is not None:
        refused.append(f"rope_scaling={hf_config['rope_scaling']!r}, expected none")
    return refused


def _fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    types = _layer_types(hf_config)
    local = tuple(layer for layer, kind in enumerate(types) if kind == LOCAL)
    near = LocalAttention(
        reach=(hf_config.get("local_attention") or WINDOW) // 2,
        layers=local,
        theta=_theta(hf_config, LOCAL),
    )
    return {
        "relative": Rotary(theta=_theta(hf_config, GLOBAL)),
        "local": near if local else None,
        "norm_bias": bool(hf_config.get("norm_bias")),
        "attention_bias": bool(hf_config.get("attention_bias")),
        "feed_forward_bias": bool(hf_config.get("mlp_bias")),
    }


def _keys(config: EncoderConfig) -> dict[str, Any]:
    theta = {GLOBAL: rotary_theta(config)}
    if config.local is not None:
        theta[LOCAL] = config.local.theta
    return {
        "layer_types": [LOCAL if config.is_local(n) else GLOBAL for n in range(config.layers)],
        "local_attention": 2 * config.local.reach if config.local else WINDOW,
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": base} for kind, base in theta.items()
        },
        "norm_bias": config.norm_bias,
        "attention_bias": config.attention_bias,
        "mlp_bias": config.feed_forward_bias,
    }


def _head_fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "activation": activation_of(hf_config, "classifier_activation", "gelu"),
        "dense_bias": bool(hf_config.get("classifier_bias", False)),
        "norm_bias": bool(hf_config.get("norm_bias", False)),
    }


def _classifier_fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    named = hf_config.get("classifier_pooling", "cls")
    if named not in POOLINGS:
        raise ConfigError(f"classifier_pooling={named!r}, expected one of {', '.join(POOLINGS)}")
    return {"pooled": POOLINGS[named], **_head_fields(hf_config)}


def _decoder_fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return {"out_bias": bool(hf_config.get("decoder_bias", True)), **_head_fields(hf_config)}


def _task(task: str, out: str, fields: Callable[[Mapping[str, Any]], dict[str, Any]]) -> HeadTable:
    """Every head of this family has the same hidden map before its last."""
    return HeadTable(
        task=task,
        model="ModernBert",
        dense="head.dense",
        norm="head.norm",
        out=out,
        fields=fields,
    )


MODERNBERT: Final = Family(
    model_type="modernbert",
    architecture="ModernBertModel",
    tokenizer_class="PreTrainedTokenizerFast",
    sizes=SIZES_OF_ONE_SEGMENT,
    numbers={
        "norm_eps": ("layer_norm_epsilon", 1e-5),
        "mlp_dropout": ("hidden_dropout", 0.0),
        "attention_dropout": ("attention_dropout", 0.0),
        "initializer_range": ("initializer_range", 0.02),
    },
    names=_names,
    activation_key="hidden_activation",
    padding_id=50283,
    fixed=FIXED,
    fields=_fields,
    keys=_keys,
    refusals=_refusals,
    prefix="model.",
    heads={
        "head.": "prediction",
        "decoder.": "masked language model",
        "classifier.": "classification",
    },
    tasks=(
        _task("classify", "classifier", _classifier_fields),
        _task("tag", "classifier", _head_fields),
        _task("answer", "classifier", _head_fields),
        _task("fill", "decoder", _decoder_fields),
    ),
)
