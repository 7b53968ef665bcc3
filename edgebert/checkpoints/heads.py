"""A checkpoint's task heads, both ways, by a family's tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from edgebert.checkpoints.families.family import ACTIVATIONS, no_fields
from edgebert.model.config import Activation, EncoderConfig
from edgebert.model.heads import Head, HeadConfig, Pooled
from edgebert_runtime.errors import CheckpointError, ConfigError

DROPOUTS: Final = ("classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout")


@dataclass(frozen=True, kw_only=True)
class HeadTable:
    """One kind of head of a family, in transformers' names.

    Attributes:
        task: what it is for; `classify` stands for `rank` too.
        architecture: transformers' class of encoder and head.
        out: the last map.
        pooled: what the head reads.
        dense: the hidden map, where there is one.
        norm: the LayerNorm after it, where there is one.
        activation: of the hidden map; the encoder's own when None.
        narrow: whether the hidden map leads to the width of the embeddings.
        bias: where a tied last map's bias is, when it is not with `out`.
        fields: further fields of `HeadConfig`, from the config.
    """

    task: str
    architecture: str
    out: str
    pooled: Pooled = Pooled.TOKENS
    dense: str | None = None
    norm: str | None = None
    activation: Activation | None = None
    narrow: bool = False
    bias: str | None = None
    fields: Callable[[Mapping[str, Any]], dict[str, Any]] = no_fields

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


def head_config(
    table: HeadTable,
    task: str,
    hf_config: Mapping[str, Any],
    encoder: EncoderConfig,
    outputs: int,
) -> HeadConfig:
    """The head of a checkpoint.

    Raises:
        ConfigError: its values contradict each other.
    """
    width = encoder.embedding_width if table.narrow else encoder.hidden
    dropout = next((hf_config[key] for key in DROPOUTS if hf_config.get(key) is not None), None)
    known: dict[str, Any] = {
        "task": task,
        "outputs": outputs,
        "pooled": table.pooled,
        "width": None if table.dense is None else width,
        "activation": table.activation or encoder.activation,
        "norm": table.norm is not None,
        "tied": task == "fill" and hf_config.get("tie_word_embeddings", True) is not False,
        "dropout": encoder.hidden_dropout if dropout is None else float(dropout),
    }
    return HeadConfig(**{**known, **table.fields(hf_config)})


def read_head(
    table: HeadTable, tensors: Mapping[str, Tensor], encoder: EncoderConfig, config: HeadConfig
) -> Head:
    """Build a head with a checkpoint's values; a tied weight is left to the model.

    Raises:
        CheckpointError: tensors are missing or of another shape; each of them is named.
    """
    with torch.device("meta"):
        head = Head(encoder, config)
    shapes = {name: tuple(tensor.shape) for name, tensor in head.state_dict().items()}
    state: dict[str, Tensor] = {}
    problems: list[str] = []
    for ours, names in table.names(config).items():
        stored = next((name for name in names if name in tensors), None)
        if stored is None:
            problems.append(f"{names[0]} is missing")
        elif tensors[stored].shape != shapes[ours]:
            found = tuple(tensors[stored].shape)
            problems.append(f"{stored} is {found}, expected {shapes[ours]}")
        else:
            state[ours] = tensors[stored].to(torch.float32, copy=True)
    if problems:
        raise CheckpointError(
            f"the head for {config.task} does not fit its config.json: {'; '.join(problems)}. "
            "Save the model and its config together again"
        )
    head.load_state_dict(state, assign=True, strict=False)
    return head.eval()


def head_to_hf(table: HeadTable, head: Head) -> dict[str, Tensor]:
    """A head's tensors under transformers' names."""
    state = head.state_dict()
    names = table.names(head.config)
    return {theirs[0]: state[ours].contiguous() for ours, theirs in names.items()}


def labels_of(hf_config: Mapping[str, Any], outputs: int, *, source: str) -> tuple[str, ...]:
    """The names of a head's outputs, in order.

    Raises:
        CheckpointError: the config names another number of labels than the head has outputs, or
            numbers them with gaps.
    """
    stored = hf_config.get("id2label")
    if not stored:
        return tuple(f"LABEL_{index}" for index in range(outputs))
    try:
        named = {int(index): str(label) for index, label in stored.items()}
    except (AttributeError, ValueError) as error:
        raise CheckpointError(
            f"{source} has id2label={stored!r}, expected an object from index to label"
        ) from error
    if sorted(named) != list(range(outputs)):
        raise CheckpointError(
            f"{source} has the labels {named}, the head has {outputs} outputs; give each output "
            f"one label, numbered 0 to {outputs - 1}"
        )
    return tuple(named[index] for index in range(outputs))


def activation_of(hf_config: Mapping[str, Any], key: str, default: str) -> Activation:
    """An activation that a config names for a head.

    Raises:
        ConfigError: it is not one that edgebert computes.
    """
    name = hf_config.get(key, default)
    if name not in ACTIVATIONS:
        raise ConfigError(f"{key}={name!r}, expected one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
