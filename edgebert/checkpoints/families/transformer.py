"""The Transformer encoder of a text-book: token vectors, sines and cosines, layers of torch's.

Source: torch 2.13, torch/nn/modules/transformer.py (`TransformerEncoder`,
`TransformerEncoderLayer`), whose arguments and tensors give the names; Vaswani et al. 2017. A
folder holds them as

    config.json         model_type "transformer" and the arguments of torch's classes
    model.safetensors   `embedding.weight`, and the state of the encoder under `encoder.`
"""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.families.family import Family, kinds, same
from edgebert.checkpoints.families.fields import WEIGHT, KeyMapping
from edgebert.model.config import EncoderConfig, Positions

PLAIN: Final[Mapping[str, tuple[Any, str]]] = {
    "batch_first": (True, "only batch_first=True is supported"),
}


def _names(config: EncoderConfig) -> list[KeyMapping]:
    bias = kinds(config.attention_bias)
    names = same("embedding", "embeddings.token", WEIGHT)
    for number in range(config.layers):
        theirs, ours = f"encoder.layers.{number}", f"layers.{number}"
        parts = tuple(f"{ours}.attention.{part}" for part in ("query", "key", "value"))
        for kind in bias:
            stored = (f"{theirs}.self_attn.in_proj_{kind}",)
            names.append(KeyMapping(theirs=stored, ours=tuple(f"{part}.{kind}" for part in parts)))
        names += [
            *same(f"{theirs}.self_attn.out_proj", f"{ours}.attention.output", bias),
            *same(f"{theirs}.linear1", f"{ours}.feed_forward.expand", bias),
            *same(f"{theirs}.linear2", f"{ours}.feed_forward.contract", bias),
            *same(f"{theirs}.norm1", f"{ours}.attention_norm", bias),
            *same(f"{theirs}.norm2", f"{ours}.feed_forward_norm", bias),
        ]
    return [*names, *(same("encoder.norm", "final_norm", bias) if config.final_norm else ())]


def _fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    bias = bool(hf_config.get("bias", True))
    return {
        "attention_dropout": float(hf_config.get("dropout", 0.1)),
        "pre_norm": bool(hf_config.get("norm_first", False)),
        "final_norm": bool(hf_config.get("final_norm", False)),
        "scale_embeddings": bool(hf_config.get("scale_embeddings", True)),
        "norm_bias": bias,
        "attention_bias": bias,
        "feed_forward_bias": bias,
    }


def _keys(config: EncoderConfig) -> dict[str, Any]:
    return {
        "norm_first": config.pre_norm,
        "final_norm": config.final_norm,
        "scale_embeddings": config.scale_embeddings,
        "bias": config.attention_bias,
    }


TRANSFORMER: Final = Family(
    model_type="transformer",
    architecture="TransformerEncoder",
    tokenizer_class="PreTrainedTokenizerFast",
    sizes={
        "vocab_size": "vocabulary",
        "d_model": "hidden",
        "num_layers": "layers",
        "nhead": "heads",
        "dim_feedforward": "intermediate",
        "max_length": "positions",
    },
    numbers={
        "layer_norm_eps": ("layer_norm_epsilon", 1e-5),
        "dropout": ("hidden_dropout", 0.1),
        "initializer_range": ("initializer_range", 0.02),
    },
    names=_names,
    activation_key="activation",
    fixed={
        "token_types": 0,
        "position_kind": Positions.SINUSOIDAL,
        "embedding_norm": False,
    },
    fields=_fields,
    keys=_keys,
    plain=PLAIN,
)
