"""Constants that the tables of several families share.

Keys and tensor names are transformers'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from edgebert.model.config import Activation

ACTIVATIONS: Final = {
    "gelu": Activation.GELU,
    "gelu_new": Activation.GELU_TANH,
    "gelu_pytorch_tanh": Activation.GELU_TANH,
    "relu": Activation.RELU,
    "silu": Activation.SILU,
    "swish": Activation.SILU,
    "tanh": Activation.TANH,
}
"""transformers' names; the first of each is the one written."""

PLAIN: Final[Mapping[str, tuple[Any, str]]] = {
    "is_decoder": (False, "only bidirectional attention is supported"),
    "add_cross_attention": (False, "cross-attention is not supported"),
    "pruned_heads": ({}, "pruned heads are not supported; save the model unpruned"),
    "quantization_config": (None, "quantized weights: save the model dequantized"),
    "alibi_starting_size": (None, "ALiBi is not supported"),
    "feed_forward_type": ("original", "another feed-forward than the family's is not supported"),
    "lora_adaptations": (None, "adapters are not supported; merge them"),
}
"""Keys of any model that change the mathematics: the one value computed, and why no other."""

BERT_NUMBERS: Final = {
    "layer_norm_eps": ("layer_norm_epsilon", 1e-12),
    "hidden_dropout_prob": ("hidden_dropout", 0.1),
    "attention_probs_dropout_prob": ("attention_dropout", 0.1),
    "initializer_range": ("initializer_range", 0.02),
}
"""Keys that checkpoints from before transformers lack, with the defaults of `BertConfig`."""

WEIGHT: Final = ("weight",)
BOTH: Final = ("weight", "bias")


@dataclass(frozen=True, kw_only=True)
class KeyMapping:
    """Tensors of a checkpoint and tensors of ours that hold the same rows, in the same order."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]


def no_fields(hf_config: Mapping[str, Any]) -> dict[str, Any]:
    """For families without computed fields."""
    del hf_config
    return {}


def no_refusals(hf_config: Mapping[str, Any]) -> list[str]:
    """For families without further checks."""
    del hf_config
    return []


def same_config(hf_config: Mapping[str, Any]) -> Mapping[str, Any]:
    """For families whose config has only one spelling."""
    return hf_config
