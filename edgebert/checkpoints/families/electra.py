"""ELECTRA: BERT with embeddings narrower than the layers.

Source: transformers v5.23.0, src/transformers/models/electra/configuration_electra.py and
modeling_electra.py.
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.families.bert import (
    CONSTANTS,
    LAYER,
    PLAIN,
    RENAMED,
    SIMPLE_HEADS,
    SIZES,
    simple_tasks,
)
from edgebert.checkpoints.families.family import Family, bert_embeddings, layered, same
from edgebert.checkpoints.families.fields import BERT_NUMBERS, KeyMapping
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.heads import Pooled


def _names(config: EncoderConfig) -> list[KeyMapping]:
    projected = same("embeddings_project", "embeddings.project")
    return [
        *bert_embeddings(config),
        *([] if config.embedding is None else projected),
        *layered(config, "encoder.layer.{}", LAYER),
    ]


def _fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    width = hf_config["embedding_size"]
    return {"embedding": None if width == hf_config["hidden_size"] else width}


def _keys(config: EncoderConfig) -> dict[str, Any]:
    return {"embedding_size": config.embedding_width, "position_embedding_type": "absolute"}


ELECTRA: Final = Family(
    model_type="electra",
    architecture="ElectraModel",
    tokenizer_class="ElectraTokenizer",
    sizes={**SIZES, "embedding_size": "embedding"},
    numbers=BERT_NUMBERS,
    names=_names,
    fields=_fields,
    keys=_keys,
    plain=PLAIN,
    prefix="electra.",
    renamed=RENAMED,
    constants=CONSTANTS,
    heads={
        "generator_predictions.": "masked language model",
        "generator_lm_head.": "masked language model",
        "discriminator_predictions.": "replaced token detection",
        **SIMPLE_HEADS,
    },
    tasks=(
        HeadTable(
            task="classify",
            model="Electra",
            dense="classifier.dense",
            activation=Activation.GELU,
            out="classifier.out_proj",
            pooled=Pooled.CLS,
        ),
        *simple_tasks("Electra"),
        HeadTable(
            task="fill",
            model="Electra",
            dense="generator_predictions.dense",
            activation=Activation.GELU,
            norm="generator_predictions.LayerNorm",
            out="generator_lm_head",
            to_embedding_width=True,
        ),
    ),
)
