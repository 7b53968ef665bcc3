"""MPNet: RoBERTa's positions, and a learned score for distances in every head.

Source: transformers v5.23.0, src/transformers/models/mpnet/configuration_mpnet.py and
modeling_mpnet.py, which counts positions from padding id 1 whatever the config says.
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.families.bert import (
    CONSTANTS,
    RENAMED,
    SIMPLE_HEADS,
    SIZES_OF_ONE_SEGMENT,
)
from edgebert.checkpoints.families.family import Family, bert_embeddings, layered, same
from edgebert.checkpoints.families.fields import BERT_NUMBERS, WEIGHT, KeyMapping
from edgebert.checkpoints.families.roberta import roberta_tasks
from edgebert.model.config import EncoderConfig, Positions, RelativeBias

PADDING_ID: Final = 1
MAX_DISTANCE: Final = 128
BUCKETS: Final = 32

LAYER: Final = {
    "attention.attn.q": "attention.query",
    "attention.attn.k": "attention.key",
    "attention.attn.v": "attention.value",
    "attention.attn.o": "attention.output",
    "attention.LayerNorm": "attention_norm",
    "intermediate.dense": "feed_forward.expand",
    "output.dense": "feed_forward.contract",
    "output.LayerNorm": "feed_forward_norm",
}


def _names(config: EncoderConfig) -> list[KeyMapping]:
    return [
        *bert_embeddings(config),
        *same("encoder.relative_attention_bias", "relative.table", WEIGHT),
        *layered(config, "encoder.layer.{}", LAYER),
    ]


def _fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "positions": hf_config["max_position_embeddings"] - PADDING_ID - 1,
        "relative": RelativeBias(buckets=BUCKETS, max_distance=MAX_DISTANCE),
    }


def _keys(config: EncoderConfig) -> dict[str, Any]:
    return {
        "max_position_embeddings": config.position_rows,
        "relative_attention_num_buckets": BUCKETS,
    }


PLAIN: Final[Mapping[str, tuple[Any, str]]] = {
    "relative_attention_num_buckets": (BUCKETS, "transformers uses that many buckets only"),
    "pad_token_id": (PADDING_ID, "positions are counted from padding id 1"),
}

MPNET: Final = Family(
    model_type="mpnet",
    architecture="MPNetModel",
    tokenizer_class="MPNetTokenizer",
    sizes=SIZES_OF_ONE_SEGMENT,
    numbers=BERT_NUMBERS,
    names=_names,
    padding_id=PADDING_ID,
    fixed={"token_types": 0, "position_kind": Positions.COUNTED},
    fields=_fields,
    keys=_keys,
    plain=PLAIN,
    prefix="mpnet.",
    pooler=tuple(same("pooler.dense", "pooler.dense")),
    renamed=RENAMED,
    constants=CONSTANTS,
    heads={
        "lm_head.": "masked language model",
        **SIMPLE_HEADS,
    },
    tasks=roberta_tasks("MPNet"),
)
