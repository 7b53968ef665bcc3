"""DistilBERT.

Source: transformers v5.23.0, src/transformers/models/distilbert/configuration_distilbert.py and
modeling_distilbert.py. `sinusoidal_pos_embds` says how the position table was first filled; it is
stored like any other, and read so.
"""

from typing import Final

from edgebert.checkpoints.families.bert import CONSTANTS, RENAMED, SIMPLE_HEADS, simple_tasks
from edgebert.checkpoints.families.family import Family, bert_embeddings, layered
from edgebert.checkpoints.families.fields import KeyMapping
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.heads import Pooled

LAYER: Final = {
    "attention.q_lin": "attention.query",
    "attention.k_lin": "attention.key",
    "attention.v_lin": "attention.value",
    "attention.out_lin": "attention.output",
    "sa_layer_norm": "attention_norm",
    "ffn.lin1": "feed_forward.expand",
    "ffn.lin2": "feed_forward.contract",
    "output_layer_norm": "feed_forward_norm",
}


def _names(config: EncoderConfig) -> list[KeyMapping]:
    return [*bert_embeddings(config), *layered(config, "transformer.layer.{}", LAYER)]


DISTILBERT: Final = Family(
    model_type="distilbert",
    architecture="DistilBertModel",
    tokenizer_class="DistilBertTokenizer",
    sizes={
        "vocab_size": "vocabulary",
        "dim": "hidden",
        "n_layers": "layers",
        "n_heads": "heads",
        "hidden_dim": "intermediate",
        "max_position_embeddings": "positions",
    },
    numbers={
        "dropout": ("hidden_dropout", 0.1),
        "attention_dropout": ("attention_dropout", 0.1),
        "initializer_range": ("initializer_range", 0.02),
    },
    names=_names,
    activation_key="activation",
    fixed={"token_types": 0, "layer_norm_epsilon": 1e-12},
    prefix="distilbert.",
    renamed=RENAMED,
    constants=CONSTANTS,
    heads={
        "vocab_transform.": "masked language model",
        "vocab_layer_norm.": "masked language model",
        "vocab_projector.": "masked language model",
        "pre_classifier.": "classification",
        **SIMPLE_HEADS,
    },
    tasks=(
        HeadTable(
            task="classify",
            model="DistilBert",
            dense="pre_classifier",
            activation=Activation.RELU,
            out="classifier",
            pooled=Pooled.CLS,
        ),
        *simple_tasks("DistilBert"),
        HeadTable(
            task="fill",
            model="DistilBert",
            dense="vocab_transform",
            norm="vocab_layer_norm",
            out="vocab_projector",
        ),
    ),
)
