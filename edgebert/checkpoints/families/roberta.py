"""RoBERTa, XLM-RoBERTa and CamemBERT, with BGE-M3 and the multilingual E5.

Source: transformers v5.23.0, src/transformers/models/roberta/configuration_roberta.py and
modeling_roberta.py, and the same of xlm_roberta and camembert, which differ in their names only.
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.families.bert import (
    CONSTANTS,
    PLAIN,
    RENAMED,
    SIMPLE_HEADS,
    SIZES,
    names,
    other_width,
    simple_tasks,
)
from edgebert.checkpoints.families.family import Family, same
from edgebert.checkpoints.families.fields import BERT_NUMBERS
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.model.config import Activation, EncoderConfig, Positions
from edgebert.model.heads import Pooled

PADDING_ID: Final = 1


def fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    """Positions are counted from the padding id on, so that many rows go unused."""
    padding_id = hf_config.get("pad_token_id")
    skipped = (PADDING_ID if padding_id is None else padding_id) + 1
    return {"positions": hf_config["max_position_embeddings"] - skipped}


def _keys(config: EncoderConfig) -> dict[str, Any]:
    return {
        "max_position_embeddings": config.position_rows,
        "position_embedding_type": "absolute",
    }


def roberta_tasks(name: str) -> tuple[HeadTable, ...]:
    """The heads of RoBERTa and of MPNet."""
    return (
        HeadTable(
            task="classify",
            model=name,
            dense="classifier.dense",
            activation=Activation.TANH,
            out="classifier.out_proj",
            pooled=Pooled.CLS,
        ),
        *simple_tasks(name),
        HeadTable(
            task="fill",
            model=name,
            dense="lm_head.dense",
            activation=Activation.GELU,
            norm="lm_head.layer_norm",
            out="lm_head.decoder",
            bias="lm_head.bias",
        ),
    )


def _family(model_type: str, architecture: str, tokenizer_class: str) -> Family:
    return Family(
        model_type=model_type,
        architecture=architecture,
        tokenizer_class=tokenizer_class,
        sizes=SIZES,
        numbers=BERT_NUMBERS,
        names=names,
        padding_id=PADDING_ID,
        fixed={"position_kind": Positions.COUNTED},
        fields=fields,
        keys=_keys,
        plain=PLAIN,
        refusals=other_width,
        prefix="roberta.",
        pooler=tuple(same("pooler.dense", "pooler.dense")),
        renamed=RENAMED,
        constants=CONSTANTS,
        heads={
            "lm_head.": "masked language model",
            **SIMPLE_HEADS,
        },
        tasks=roberta_tasks(architecture.removesuffix("Model")),
    )


ROBERTA: Final = _family("roberta", "RobertaModel", "RobertaTokenizer")
XLM_ROBERTA: Final = _family("xlm-roberta", "XLMRobertaModel", "XLMRobertaTokenizer")
CAMEMBERT: Final = _family("camembert", "CamembertModel", "CamembertTokenizer")
