"""BERT, with its multilingual, MiniLM, TinyBERT, BGE, E5 and GTE releases.

Source: transformers v5.23.0, src/transformers/models/bert/configuration_bert.py and
modeling_bert.py; `LayerNorm.gamma` and `.beta` from src/transformers/conversion_mapping.py.
`position_embedding_type` changes the mathematics and is gone from v5: v4.57.1 of the same files.
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.families.family import Family, bert_embeddings, layered, same
from edgebert.checkpoints.families.fields import BERT_NUMBERS, KeyMapping
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.model.config import EncoderConfig
from edgebert.model.heads import Pooled

SIZES: Final = {
    "vocab_size": "vocabulary",
    "hidden_size": "hidden",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "intermediate_size": "intermediate",
    "max_position_embeddings": "positions",
    "type_vocab_size": "token_types",
}

LAYER: Final = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "feed_forward.expand",
    "output.dense": "feed_forward.contract",
    "output.LayerNorm": "feed_forward_norm",
}

SIZES_OF_ONE_SEGMENT: Final = {
    theirs: ours for theirs, ours in SIZES.items() if ours != "token_types"
}
"""For families whose config counts no token types."""

PLAIN: Final[Mapping[str, tuple[Any, str]]] = {
    "position_embedding_type": ("absolute", "only absolute positions are supported"),
}

RENAMED: Final = (
    (r"LayerNorm\.gamma$", "LayerNorm.weight"),
    (r"LayerNorm\.beta$", "LayerNorm.bias"),
)

CONSTANTS: Final = frozenset({"embeddings.position_ids", "embeddings.token_type_ids"})
"""Stored by older versions of transformers."""


SIMPLE_HEADS: Final = {
    "classifier.": "classification",
    "qa_outputs.": "question answering",
}
"""Names that nearly all families have alike."""


def names(config: EncoderConfig) -> list[KeyMapping]:
    """The tensors of `BertModel`."""
    return [*bert_embeddings(config), *layered(config, "encoder.layer.{}", LAYER)]


def other_width(hf_config: Mapping[str, Any]) -> list[str]:
    """Refuse embeddings of another width than the layers."""
    if hf_config.get("embedding_size") in (None, hf_config["hidden_size"]):
        return []
    found = hf_config["embedding_size"]
    return [f"embedding_size={found!r}, expected hidden_size: projections are not supported"]


def fill_table(name: str, norm: str = "LayerNorm") -> HeadTable:
    """The head of masked language models as BERT and some of its descendants store it."""
    return HeadTable(
        task="fill",
        model=name,
        dense="cls.predictions.transform.dense",
        norm=f"cls.predictions.transform.{norm}",
        out="cls.predictions.decoder",
        bias="cls.predictions.bias",
    )


def simple_tasks(name: str) -> tuple[HeadTable, ...]:
    """The heads that nearly all families have alike: one map over every token."""
    return (
        HeadTable(task="tag", model=name, out="classifier"),
        HeadTable(task="answer", model=name, out="qa_outputs"),
    )


TASKS: Final = (
    HeadTable(task="classify", model="Bert", out="classifier", pooled=Pooled.POOLER),
    *simple_tasks("Bert"),
    fill_table("Bert"),
    HeadTable(task="next_sentence", model="Bert", out="cls.seq_relationship", pooled=Pooled.POOLER),
)

BERT: Final = Family(
    model_type="bert",
    architecture="BertModel",
    tokenizer_class="BertTokenizer",
    sizes=SIZES,
    numbers=BERT_NUMBERS,
    names=names,
    keys=lambda _: {"position_embedding_type": "absolute"},
    plain=PLAIN,
    refusals=other_width,
    prefix="bert.",
    pooler=tuple(same("pooler.dense", "pooler.dense")),
    renamed=RENAMED,
    constants=CONSTANTS,
    heads={
        "cls.predictions.": "masked language model",
        "cls.seq_relationship.": "next sentence",
        **SIMPLE_HEADS,
    },
    tasks=TASKS,
)
