"""Writing a checkpoint folder that transformers, sentence-transformers and edgebert read.

The names are the family's tables'; the folder appears whole or not at all.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from safetensors.torch import save_file
from torch import Tensor

from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.checkpoints.files import json_bytes
from edgebert.checkpoints.heads import head_to_hf
from edgebert.checkpoints.modules import sentence_transformers_files
from edgebert.checkpoints.state_dict import config_to_hf, state_to_hf
from edgebert.checkpoints.tokenizer.read import TokenizerFiles
from edgebert.checkpoints.widths import with_widths
from edgebert.model.encoder import Encoder
from edgebert.model.heads import Head, Pooled
from edgebert.model.sentence import DenseWeights
from edgebert_runtime.bundle.manifest import EmbeddingInfo
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.storage.new_folder import new_folder, recover

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
MASKED_LM: Final = "ForMaskedLM"
PRETRAINING: Final = "ForPreTraining"
"""End of transformers' class with the heads of both pretraining objectives."""

HEAD_KEYS: Final = (
    "classifier_activation",
    "classifier_bias",
    "classifier_dropout",
    "classifier_dropout_prob",
    "classifier_pooling",
    "cls_dropout",
    "decoder_bias",
    "pooler_dropout",
    "pooler_hidden_act",
    "pooler_hidden_size",
    "qa_dropout",
    "seq_classif_dropout",
    "tie_word_embeddings",
)
"""Keys of a base model's config that say how its heads compute, in any family."""

HEAD_SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "lm_predictions.lm_head": {"legacy": False},
}
"""Name of a head's last map to the keys without which transformers looks for another one."""

TOKEN_KEYS: Final = ("bos_token_id", "cls_token_id", "eos_token_id", "sep_token_id")


@dataclass(frozen=True, kw_only=True)
class CheckpointParts:
    """What a checkpoint folder is written from.

    Attributes:
        family: whose names to write.
        encoder: on the CPU.
        tokenizer: goes beside it.
        base: `config.json` of what it was made from; keys about heads and tokens are kept.
        heads: what stands on the encoder, each with its table; none for a bare encoder.
        settings: further keys of `config.json`, such as those of `label_settings`.
        embedding: for a bare encoder, the steps to one vector; written as sentence-transformers'.
        dense: `Step.file` of each dense step to its weights.
    """

    family: Family
    encoder: Encoder
    tokenizer: TokenizerFiles
    base: Mapping[str, Any] = field(default_factory=dict)
    heads: tuple[tuple[HeadTable, Head], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    embedding: EmbeddingInfo | None = None
    dense: Mapping[str, DenseWeights] = field(default_factory=dict)


def save_checkpoint(
    folder: str | os.PathLike[str], parts: CheckpointParts, *, overwrite: bool = False
) -> None:
    """Write a checkpoint folder; it is complete or absent.

    Where the system cannot exchange two folders in one step, a process that dies between two
    renames leaves the old checkpoint beside `folder`; the next call puts it back.

    Args:
        folder: absent or empty; with `overwrite` it may be a checkpoint, which is replaced once
            the new one is complete.
        parts: what to write.
        overwrite: replace a checkpoint that is there.

    Raises:
        ConfigError: something is at `folder` that may not be replaced.
        ExportError: nothing can be written there, or the disk is full; `folder` is untouched.
    """
    destination = Path(os.path.realpath(folder))
    check_free(destination, overwrite=overwrite)
    with new_folder(destination, replaces=_is_checkpoint, refusal=ConfigError) as staging:
        save_file(_tensors(parts), staging / WEIGHTS, metadata={"format": "pt"})
        for name, content in _files(parts).items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_bytes(content)


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that a checkpoint may not be written to; first put back what a crash moved.

    Raises:
        ConfigError: it is a file, holds something that is no checkpoint, or holds a checkpoint
            and `overwrite` was not given.
    """
    recover(Path(os.path.realpath(folder)), is_whole=_is_checkpoint)
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise ConfigError(f"{folder} exists and is no folder; choose another name")
    if not any(folder.iterdir()):
        return
    if not _is_checkpoint(folder):
        raise ConfigError(
            f"{folder} exists and is no checkpoint (it has no {CONFIG}), so it is never replaced; "
            "choose another name"
        )
    if not overwrite:
        raise ConfigError(
            f"{folder} exists; pass overwrite (--overwrite) to replace it, or choose another name"
        )


def _is_checkpoint(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def label_settings(labels: tuple[str, ...], problem_type: str | None = None) -> dict[str, Any]:
    """The keys of `config.json` that name a head's outputs."""
    settings: dict[str, Any] = {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }
    return settings if problem_type is None else settings | {"problem_type": problem_type}


def _tensors(parts: CheckpointParts) -> dict[str, Tensor]:
    """Every tensor under its family's name; the pooler only where something reads it."""
    encoder = state_to_hf(parts.family, parts.encoder.state_dict(), parts.encoder.config)
    heads = [head for _, head in parts.heads]
    if heads and not any(head.config.pooled is Pooled.POOLER for head in heads):
        unread = {name for pair in parts.family.pooler for name in pair.theirs}
        encoder = {name: tensor for name, tensor in encoder.items() if name not in unread}
    prefix = parts.family.prefix if heads else ""
    tensors = {f"{prefix}{name}": tensor for name, tensor in encoder.items()}
    for table, head in parts.heads:
        tensors |= head_to_hf(table, head)
    return tensors


def _files(parts: CheckpointParts) -> dict[str, bytes]:
    tokenizer = parts.tokenizer
    files = {CONFIG: json_bytes(_config(parts)), **tokenizer.contents()}
    if parts.embedding is None:
        return files
    hidden = parts.encoder.config.hidden
    return files | sentence_transformers_files(
        parts.embedding, parts.dense, hidden, tokenizer.max_length
    )


def _config(parts: CheckpointParts) -> dict[str, Any]:
    kept = {key: parts.base[key] for key in (*HEAD_KEYS, *TOKEN_KEYS) if key in parts.base}
    written = config_to_hf(parts.family, parts.encoder.config)
    architecture = {"architectures": [_architecture(parts)], "dtype": "float32"}
    merged = {**kept, **written, **architecture, **parts.settings}
    for table, head in parts.heads:
        merged |= HEAD_SETTINGS.get(table.out, {})
        if head.config.kind == "fill" and not head.config.tied:
            merged["tie_word_embeddings"] = False
    return with_widths(merged, parts.encoder.config.widths)


def _architecture(parts: CheckpointParts) -> str:
    if not parts.heads:
        return parts.family.architecture
    first = parts.heads[0][0].architecture
    return first if len(parts.heads) == 1 else first.replace(MASKED_LM, PRETRAINING)
