"""One task head of a family: the names of its tensors, and what its logits are computed from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor

from edgebert.checkpoints.families.fields import ACTIVATIONS, no_fields
from edgebert.model.config import Activation
from edgebert.model.heads import HeadConfig, Pooled
from edgebert_runtime.errors import ConfigError

ENDINGS: Final = {
    "classify": "ForSequenceClassification",
    "tag": "ForTokenClassification",
    "answer": "ForQuestionAnswering",
    "fill": "ForMaskedLM",
    "next_sentence": "ForNextSentencePrediction",
}
"""Task to the end of the name of transformers' class."""


@dataclass(frozen=True, kw_only=True)
class HeadTable:
    """One kind of head of a family, in transformers' names.

    Attributes:
        task: what it is for; `classify` stands for `rank` too.
        model: how transformers' classes of the family begin.
        out: the last map.
        pooled: what the head reads.
        dense: the hidden map, where there is one.
        norm: the LayerNorm after it, where there is one.
        activation: of the hidden map; the encoder's own when None.
        to_embedding_width: whether the hidden map leads to the width of the embeddings.
        bias: where a tied last map's bias is, when it is not with `out`.
        fields: further fields of `HeadConfig`, from the config.
    """

    task: str
    model: str
    out: str
    pooled: Pooled = Pooled.TOKENS
    dense: str | None = None
    norm: str | None = None
    activation: Activation | None = None
    to_embedding_width: bool = False
    bias: str | None = None
    fields: Callable[[Mapping[str, Any]], dict[str, Any]] = no_fields

    @property
    def architecture(self) -> str:
        """Transformers' class of encoder and head."""
        return self.model + ENDINGS[self.task]

    def names(self, config: HeadConfig) -> dict[str, tuple[str, ...]]:
        """Our tensor to the names it may be stored under, the usual one first."""
        parts = {"dense": self.dense, "norm": self.norm, "out": self.out}
        names: dict[str, tuple[str, ...]] = {
            f"{ours}.{kind}": (f"{theirs}.{kind}",)
            for ours, theirs in parts.items()
            if theirs is not None
            for kind in ("weight", "bias")
        }
        left_out = {
            "dense.bias": config.dense_bias,
            "norm.bias": config.norm_bias,
            "out.bias": config.out_bias,
            "out.weight": not config.tied,
        }
        own = f"{self.out}.bias"
        if self.bias is not None:
            names["out.bias"] = (self.bias, own) if config.tied else (own, self.bias)
        return {ours: theirs for ours, theirs in names.items() if left_out.get(ours, True)}

    def is_in(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether a checkpoint holds this head, as far as the names of tensors can tell.

        The last map of `fill` may be tied and so not stored; its bias is then what tells.
        """
        before = [name for name in (self.dense, self.norm) if name is not None]
        last = {f"{self.out}.weight"}
        if self.task == "fill":
            last |= {f"{self.out}.bias", self.bias or self.out}
        return all(f"{name}.weight" in tensors for name in before) and not last.isdisjoint(tensors)


def activation_of(hf_config: Mapping[str, Any], key: str, default: str) -> Activation:
    """An activation that a config names for a head.

    Raises:
        ConfigError: it is not one that edgebert computes.
    """
    name = hf_config.get(key, default)
    if name not in ACTIVATIONS:
        raise ConfigError(f"{key}={name!r}, expected one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
