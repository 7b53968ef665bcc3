"""A checkpoint's task heads, both ways, by a family's tables."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor

from edgebert.checkpoints.diagnosis import few
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.model.config import EncoderConfig
from edgebert.model.heads import Head, HeadConfig
from edgebert_runtime.errors import CheckpointError

DROPOUTS: Final = ("classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout")


def head_config(
    table: HeadTable,
    hf_config: Mapping[str, Any],
    encoder: EncoderConfig,
    outputs: int,
) -> HeadConfig:
    """The head of a checkpoint.

    Raises:
        ConfigError: its values contradict each other.
    """
    width = encoder.embedding_width if table.to_embedding_width else encoder.hidden
    dropout = next((hf_config[key] for key in DROPOUTS if hf_config.get(key) is not None), None)
    known: dict[str, Any] = {
        "kind": table.task,
        "outputs": outputs,
        "pooled": table.pooled,
        "width": None if table.dense is None else width,
        "activation": table.activation or encoder.activation,
        "norm": table.norm is not None,
        "tied": table.task == "fill" and hf_config.get("tie_word_embeddings", True) is not False,
        "dropout": encoder.hidden_dropout if dropout is None else float(dropout),
    }
    return HeadConfig(**{**known, **table.fields(hf_config)})


def untied(
    config: HeadConfig, table: HeadTable, tensors: Mapping[str, Tensor], embeddings: Tensor
) -> HeadConfig:
    """The head with a last map of its own, where one is stored that is not the token table.

    Args:
        config: the head as `config.json` describes it.
        table: its names.
        tensors: those that are not the encoder's.
        embeddings: the token table, (vocabulary, width), float32.
    """
    stored = tensors.get(f"{table.out}.weight")
    if not config.tied or stored is None or torch.equal(stored.to(torch.float32), embeddings):
        return config
    return replace(config, tied=False)


def read_head(
    table: HeadTable, tensors: Mapping[str, Tensor], encoder: EncoderConfig, config: HeadConfig
) -> Head:
    """Build a head with a checkpoint's values; a tied weight is set by the model.

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
            f"the head for {config.kind} does not fit its config.json: {few(problems)}. "
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
            f"{source} has the labels {few([f'{at} {name!r}' for at, name in named.items()])}, but "
            f"the head has {outputs} outputs; give each output one label, numbered 0 to "
            f"{outputs - 1}"
        )
    return tuple(named[index] for index in range(outputs))
