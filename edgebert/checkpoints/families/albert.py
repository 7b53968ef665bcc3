"""ALBERT: all layers of a group share their weights; embeddings are narrower than the layers.

Source: transformers v5.23.0, src/transformers/models/albert/configuration_albert.py and
modeling_albert.py.
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.families.bert import (
    CONSTANTS,
    PLAIN,
    RENAMED,
    SIMPLE_HEADS,
    SIZES,
    simple_tasks,
)
from edgebert.checkpoints.families.family import Family, bert_embeddings, layered, same
from edgebert.checkpoints.families.fields import BERT_NUMBERS, KeyMapping
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.model.config import EncoderConfig
from edgebert.model.heads import Pooled

LAYER: Final = {
    "attention.query": "attention.query",
    "attention.key": "attention.key",
    "attention.value": "attention.value",
    "attention.dense": "attention.output",
    "attention.LayerNorm": "attention_norm",
    "ffn": "feed_forward.expand",
    "ffn_output": "feed_forward.contract",
    "full_layer_layer_norm": "feed_forward_norm",
}


def _names(config: EncoderConfig) -> list[KeyMapping]:
    return [
        *bert_embeddings(config),
        *same("encoder.embedding_hidden_mapping_in", "embeddings.project"),
        *layered(config, "encoder.albert_layer_groups.{}.albert_layers.0", LAYER),
    ]


def _keys(config: EncoderConfig) -> dict[str, Any]:
    return {"inner_group_num": 1, "position_embedding_type": "absolute"}


PLAIN_ALBERT: Final[Mapping[str, tuple[Any, str]]] = {
    **PLAIN,
    "inner_group_num": (1, "only one layer per group is supported"),
}

ALBERT: Final = Family(
    model_type="albert",
    architecture="AlbertModel",
    tokenizer_class="AlbertTokenizer",
    sizes={**SIZES, "embedding_size": "embedding", "num_hidden_groups": "layer_groups"},
    numbers={
        **BERT_NUMBERS,
        "hidden_dropout_prob": ("hidden_dropout", 0.0),
        "attention_probs_dropout_prob": ("attention_dropout", 0.0),
    },
    names=_names,
    keys=_keys,
    plain=PLAIN_ALBERT,
    prefix="albert.",
    pooler=tuple(same("pooler", "pooler.dense")),
    renamed=RENAMED,
    constants=CONSTANTS,
    heads={
        "predictions.": "masked language model",
        "sop_classifier.": "sentence order",
        **SIMPLE_HEADS,
    },
    tasks=(
        HeadTable(task="classify", model="Albert", out="classifier", pooled=Pooled.POOLER),
        *simple_tasks("Albert"),
        HeadTable(
            task="fill",
            model="Albert",
            dense="predictions.dense",
            norm="predictions.LayerNorm",
            out="predictions.decoder",
            bias="predictions.bias",
            to_embedding_width=True,
        ),
    ),
)
