"""DeBERTa-v2 and -v3: attention with separate scores for content and for distance.

Source: transformers v5.23.0, src/transformers/models/deberta_v2/configuration_deberta_v2.py and
modeling_deberta_v2.py.
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.families.bert import (
    CONSTANTS,
    RENAMED,
    SIMPLE_HEADS,
    SIZES,
    fill_table,
    other_width,
    simple_tasks,
)
from edgebert.checkpoints.families.family import Family, bert_embeddings, layered, same
from edgebert.checkpoints.families.fields import BERT_NUMBERS, WEIGHT, KeyMapping
from edgebert.checkpoints.families.head_table import HeadTable, activation_of
from edgebert.model.config import Disentangled, EncoderConfig, Positions
from edgebert.model.heads import Pooled

LAYER: Final = {
    "attention.self.query_proj": "attention.query",
    "attention.self.key_proj": "attention.key",
    "attention.self.value_proj": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "feed_forward.expand",
    "output.dense": "feed_forward.contract",
    "output.LayerNorm": "feed_forward_norm",
}

KEY: Final = {"attention.self.pos_key_proj": "attention.distance_key"}
QUERY: Final = {"attention.self.pos_query_proj": "attention.distance_query"}

PLAIN: Final[Mapping[str, tuple[Any, str]]] = {
    "relative_attention": (True, "only disentangled attention is supported"),
    "conv_kernel_size": (0, "convolution layers are not supported"),
    "talking_head": (False, "talking heads are not supported"),
}

TERMS: Final = frozenset({"c2p", "p2c"})


def _names(config: EncoderConfig) -> list[KeyMapping]:
    relative = _relative(config)
    own = {} if relative.shared or not relative.content_to_position else KEY
    own = own | ({} if relative.shared or not relative.position_to_content else QUERY)
    return [
        *bert_embeddings(config),
        *same("encoder.rel_embeddings", "relative.table", WEIGHT),
        *(same("encoder.LayerNorm", "relative.norm") if relative.normalized else ()),
        *layered(config, "encoder.layer.{}", {**LAYER, **own}),
    ]


def _relative(config: EncoderConfig) -> Disentangled:
    if not isinstance(config.relative, Disentangled):
        raise TypeError(f"a DeBERTa config has disentangled attention, got {config.relative!r}")
    return config.relative


def _terms(hf_config: Mapping[str, Any]) -> set[str]:
    named = hf_config.get("pos_att_type") or []
    return set(named.lower().split("|") if isinstance(named, str) else named)


def _norms(hf_config: Mapping[str, Any]) -> set[str]:
    return set(str(hf_config.get("norm_rel_ebd") or "none").lower().split("|")) - {"none"}


def _refusals(hf_config: Mapping[str, Any]) -> list[str]:
    refused = other_width(hf_config)
    if not _terms(hf_config) or _terms(hf_config) - TERMS:
        found = hf_config.get("pos_att_type")
        refused.append(f"pos_att_type={found!r}, expected one or both of c2p, p2c")
    if _norms(hf_config) - {"layer_norm"}:
        found = hf_config["norm_rel_ebd"]
        refused.append(f"norm_rel_ebd={found!r}, expected layer_norm or none")
    if hf_config.get("relative_attention") is None:
        refused.append("no relative_attention, expected True: attention must be disentangled")
    width = hf_config["hidden_size"] // max(hf_config["num_attention_heads"], 1)
    if hf_config.get("attention_head_size") not in (None, width):
        found = hf_config["attention_head_size"]
        refused.append(f"attention_head_size={found!r}, expected {width}: heads share hidden_size")
    return refused


def _fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    farthest = hf_config.get("max_relative_positions") or -1
    biased = hf_config.get("position_biased_input", True)
    terms = _terms(hf_config)
    return {
        "position_kind": Positions.LEARNED if biased else Positions.NONE,
        "relative": Disentangled(
            buckets=max(hf_config.get("position_buckets") or 0, 0),
            max_distance=farthest if farthest > 0 else hf_config["max_position_embeddings"],
            content_to_position="c2p" in terms,
            position_to_content="p2c" in terms,
            shared=bool(hf_config.get("share_att_key")),
            normalized="layer_norm" in _norms(hf_config),
        ),
    }


def _keys(config: EncoderConfig) -> dict[str, Any]:
    relative = _relative(config)
    terms = {"p2c": relative.position_to_content, "c2p": relative.content_to_position}
    return {
        "relative_attention": True,
        "max_relative_positions": relative.max_distance,
        "position_buckets": relative.buckets or -1,
        "position_biased_input": config.position_kind is Positions.LEARNED,
        "pos_att_type": [term for term, there in terms.items() if there],
        "share_att_key": relative.shared,
        "norm_rel_ebd": "layer_norm" if relative.normalized else "none",
    }


def _pooler_fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    dropout = hf_config.get("cls_dropout")
    given = {} if dropout is None else {"dropout": float(dropout)}
    return {"activation": activation_of(hf_config, "pooler_hidden_act", "gelu"), **given}


DEBERTA_V2: Final = Family(
    model_type="deberta-v2",
    architecture="DebertaV2Model",
    tokenizer_class="DebertaV2Tokenizer",
    sizes=SIZES,
    numbers={**BERT_NUMBERS, "layer_norm_eps": ("layer_norm_epsilon", 1e-7)},
    names=_names,
    fields=_fields,
    keys=_keys,
    plain=PLAIN,
    refusals=_refusals,
    prefix="deberta.",
    renamed=RENAMED,
    constants=CONSTANTS,
    heads={
        "cls.predictions.": "masked language model",
        "lm_predictions.": "masked language model",
        "mask_predictions.": "replaced token detection",
        "pooler.": "classification",
        **SIMPLE_HEADS,
    },
    tasks=(
        HeadTable(
            task="classify",
            model="DebertaV2",
            dense="pooler.dense",
            out="classifier",
            pooled=Pooled.CLS,
            fields=_pooler_fields,
        ),
        *simple_tasks("DebertaV2"),
        fill_table("DebertaV2"),
        HeadTable(
            task="fill",
            model="DebertaV2",
            dense="lm_predictions.lm_head.dense",
            norm="lm_predictions.lm_head.LayerNorm",
            out="lm_predictions.lm_head",
        ),
    ),
)
