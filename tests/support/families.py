"""A small model of every family as transformers builds it, hard to get right by accident.

Odd sizes, weights large enough that a wrong activation or a dropped bias shows, every parameter
random, and a sequence as long as the model takes.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from torch import nn

from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.state_dict import config_from_hf, has_pooler, state_from_hf
from edgebert.checkpoints.weights import read_weights
from edgebert.model.encoder import Encoder
from tests.support.tokenizers import save_tokenizer

VOCABULARY: Final = 1003
POSITIONS: Final = 80
"""Usable; beyond the reach of ModernBERT's local layers and MPNet's exact buckets."""

SIZES: Final = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 68,
    "max_position_embeddings": POSITIONS,
    "initializer_range": 0.15,
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One model of a family.

    Attributes:
        config: transformers' config class.
        model: transformers' class of the bare encoder.
        changes: what differs from `SIZES`.
        arguments: of the model's constructor.
    """

    config: Callable[..., Any]
    model: Callable[..., nn.Module]
    changes: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)


DEBERTA: Final = {
    "relative_attention": True,
    "position_buckets": 12,
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "max_relative_positions": -1,
}


def _sample(name: str, /, *, pooler: bool | None = None, **changes: Any) -> Sample:
    arguments = {} if pooler is None else {"add_pooling_layer": pooler}
    return Sample(
        config=getattr(transformers, f"{name}Config"),
        model=getattr(transformers, f"{name}Model"),
        changes=changes,
        arguments=arguments,
    )


SAMPLES: Final = {
    "bert": _sample("Bert"),
    "bert-relu": _sample("Bert", pooler=False, hidden_act="relu", type_vocab_size=3),
    "roberta": _sample("Roberta", max_position_embeddings=POSITIONS + 2, type_vocab_size=1),
    "roberta-types": _sample("Roberta", max_position_embeddings=POSITIONS + 2, type_vocab_size=2),
    "xlm-roberta": _sample(
        "XLMRoberta", max_position_embeddings=POSITIONS + 2, type_vocab_size=1, pooler=False
    ),
    "camembert": _sample("Camembert", max_position_embeddings=POSITIONS + 2, type_vocab_size=1),
    "distilbert": _sample(
        "DistilBert", dim=48, n_layers=3, n_heads=3, hidden_dim=68, activation="gelu"
    ),
    "distilbert-sinusoidal": _sample(
        "DistilBert", dim=48, n_layers=3, n_heads=3, hidden_dim=68, sinusoidal_pos_embds=True
    ),
    "electra": _sample("Electra", embedding_size=20),
    "electra-wide": _sample("Electra", embedding_size=48),
    "albert": _sample("Albert", embedding_size=20),
    "albert-groups": _sample("Albert", embedding_size=48, num_hidden_groups=2, pooler=False),
    "mpnet": _sample("MPNet", max_position_embeddings=POSITIONS + 2),
    "deberta-v3": _sample("DebertaV2", **DEBERTA),
    "deberta-v2": _sample(
        "DebertaV2",
        **{
            **DEBERTA,
            "share_att_key": False,
            "position_buckets": -1,
            "max_relative_positions": 20,
            "pos_att_type": "c2p|p2c",
            "norm_rel_ebd": "none",
            "position_biased_input": True,
            "type_vocab_size": 2,
        },
    ),
    "modernbert": _sample("ModernBert", local_attention=16, pad_token_id=0),
    "modernbert-biased": _sample(
        "ModernBert",
        local_attention=10,
        pad_token_id=0,
        norm_bias=True,
        attention_bias=True,
        mlp_bias=True,
        hidden_activation="gelu_pytorch_tanh",
    ),
    "nomic-bert": _sample("NomicBert"),
    "nomic-bert-pooler": _sample("NomicBert", pooler=True),
}


NAMES: Final = (
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "distilbert",
    "electra",
    "albert",
    "mpnet",
    "deberta-v3",
    "modernbert",
    "nomic-bert",
)
"""One sample of each family."""

ENDINGS: Final = {
    "classify": "ForSequenceClassification",
    "tag": "ForTokenClassification",
    "answer": "ForQuestionAnswering",
    "fill": "ForMaskedLM",
    "next_sentence": "ForNextSentencePrediction",
}
"""Task to the end of transformers' class."""

LABELS: Final = {"classify": 3, "tag": 5, "answer": 2, "fill": 2, "next_sentence": 2}


def build(sample: Sample, **changes: Any) -> nn.Module:
    """transformers' bare encoder, every parameter random; equal ones would hide a mix-up."""
    return _random(sample.model, _config(sample, changes), sample.arguments)


def has_head(sample: Sample, task: str) -> bool:
    """Whether transformers has a class for this family and task."""
    return hasattr(transformers, _architecture(sample, task))


def build_with_head(sample: Sample, task: str, **changes: Any) -> nn.Module:
    """transformers' encoder with a head, every parameter random."""
    model = getattr(transformers, _architecture(sample, task))
    return _random(model, _config(sample, {"num_labels": LABELS[task]} | changes), {})


def _architecture(sample: Sample, task: str) -> str:
    return sample.model.__name__.removesuffix("Model") + ENDINGS[task]


def _config(sample: Sample, changes: dict[str, Any]) -> Any:
    ids = {"bos_token_id": 1, "eos_token_id": 2}
    numbers = {**SIZES, **sample.changes, **ids, **changes}
    return sample.config(**numbers, attn_implementation="eager")


def _random(model: Callable[..., nn.Module], config: Any, arguments: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    built = model(config, **arguments).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return built


def save(model: Any, folder: Path) -> Path:
    """A folder as transformers writes it, with a tokenizer of the family."""
    model.save_pretrained(folder)
    save_tokenizer(model.config.model_type, folder)
    return folder


def family_of(model: Any) -> Family:
    return FAMILIES[model.config.model_type]


def ours(model: Any) -> Encoder:
    """Read what transformers writes to a folder."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        hf_config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        tensors = read_weights(Path(folder))
    family = family_of(model)
    config = config_from_hf(family, hf_config, pooler=has_pooler(family, tensors))
    encoder = Encoder(config).eval()
    encoder.load_state_dict(state_from_hf(family, tensors, config))
    return encoder
