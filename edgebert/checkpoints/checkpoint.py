"""One call from a folder or a Hub id to everything an export needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from edgebert.checkpoints.describe import Description, describe
from edgebert.checkpoints.diagnosis import unwrapped
from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.checkpoints.heads import head_config, labels_of, read_head, untied
from edgebert.checkpoints.hub import download
from edgebert.checkpoints.left_out import left_out_notes
from edgebert.checkpoints.modules import read_embedding
from edgebert.checkpoints.own_settings import MAX_LENGTH, read_own_settings
from edgebert.checkpoints.sentence_transformers import Pipeline
from edgebert.checkpoints.state_dict import has_pooler, other_tensors, state_from_hf
from edgebert.checkpoints.tasks import (
    AUTO,
    CheckpointTask,
    CheckpointTasks,
    HeadSource,
    choose_task,
)
from edgebert.checkpoints.tokenizer.read import TokenizerFiles
from edgebert.checkpoints.weights import read_weights
from edgebert.model.config import EncoderConfig, Positions
from edgebert.model.encoder import Encoder
from edgebert.model.heads import Head
from edgebert.model.sentence import DenseWeights
from edgebert_runtime.bundle.hub_name import hub_name
from edgebert_runtime.bundle.manifest import EmbeddingInfo, HeadInfo
from edgebert_runtime.errors import CheckpointError
from edgebert_runtime.tasks.registry import require_task

Kind = Literal["folder", "hub"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A source model, read.

    Attributes:
        folder: where its files are on this machine.
        kind: whether it was given as a folder or as a Hub id.
        name: the Hub id, or the folder's own name.
        model_type: its family, as `config.json` calls it.
        family: the tables it was read by.
        config: the encoder's shape.
        encoder: the encoder with the checkpoint's weights, float32, in evaluation mode.
        task: what it is for.
        embedding: for `embed`, the steps from token vectors to one vector, and the prompts.
        dense: `Step.file` of each dense step to its weights.
        head: for other tasks, what stands on the encoder, without a tied weight's values.
        head_table: its names in the family.
        head_info: for other tasks, what its logits mean.
        config_keys: what other tools read of the task in `config.json`.
        tokenizer: what the bundle needs of the tokenizer.
        max_length: where texts are cut, in tokens, special tokens included.
        hf_config: `config.json` as it was.
        pipeline: what sentence-transformers wrote around it.
        other_tensors: the tensors that are not the encoder's, its heads' among them, as stored.
        notes: what the user should be told.
    """

    folder: Path
    kind: Kind
    name: str
    model_type: str
    family: Family
    config: EncoderConfig
    encoder: Encoder
    task: str
    embedding: EmbeddingInfo | None
    dense: Mapping[str, DenseWeights]
    head: Head | None
    head_table: HeadTable | None
    head_info: HeadInfo | None
    config_keys: Mapping[str, Any]
    tokenizer: TokenizerFiles
    max_length: int
    hf_config: Mapping[str, Any]
    pipeline: Pipeline
    other_tensors: Mapping[str, Tensor]
    notes: tuple[str, ...]


def read_checkpoint(
    source: str | PathLike[str],
    *,
    tasks: CheckpointTasks,
    task: str = AUTO,
    max_length: int | None = None,
) -> Checkpoint:
    """Read a model that transformers or sentence-transformers saved.

    Args:
        source: a folder, or a Hub id such as `sentence-transformers/all-MiniLM-L6-v2`, with or
            without `@revision`.
        tasks: those there are.
        task: what it is for; `auto` goes by `modules.json`, `architectures` and the heads stored.
        max_length: where to cut texts, in tokens; None takes the checkpoint's own limit.

    Raises:
        CheckpointError: the source is not there, or its files are damaged or contradict each other.
        UnsupportedModelError: the model computes something edgebert does not.
        TokenizerError: the tokenizer is missing, unreadable, or does not fit the model.
        ConfigError: `max_length` is below 3 or above the model's positions, or the task is not
            known.
    """
    kind, name, folder = _locate(source)
    described = describe(folder)
    pipeline, family, hf_config = described.pipeline, described.family, described.hf_config
    where = str(pipeline.transformer)
    wrapped = unwrapped(family, read_weights(pipeline.transformer), described.config(pooler=False))
    tensors = wrapped.tensors
    config = described.config(pooler=has_pooler(family, tensors))
    encoder = _build(config, state_from_hf(family, tensors, config, source=where))
    others = other_tensors(family, tensors)
    chosen, table, task_notes = choose_task(
        task, family, hf_config, others, pipeline=pipeline, source=where, tasks=tasks
    )
    tokenizer, notes = described.tokenizer(config, max_length)
    purpose = _read_purpose(chosen, table, described, others, encoder, tokenizer)
    return Checkpoint(
        folder=folder,
        kind=kind,
        name=name,
        model_type=hf_config["model_type"],
        family=family,
        config=config,
        encoder=encoder,
        task=chosen.name,
        embedding=purpose.embedding,
        dense=purpose.dense,
        head=purpose.head,
        head_table=table,
        head_info=purpose.head_info,
        config_keys={} if purpose.head_info is None else chosen.config_keys(purpose.head_info),
        tokenizer=tokenizer,
        max_length=tokenizer.max_length,
        hf_config=hf_config,
        pipeline=pipeline,
        other_tensors=others,
        notes=(
            *task_notes,
            *described.notes,
            *wrapped.notes,
            *purpose.notes,
            *left_out_notes(chosen, pipeline, family, hf_config, others),
            *notes,
            *_tokenizer_notes(described, config, tokenizer, max_length),
            *_aggregation_notes(purpose.head_info),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Purpose:
    """What stands on the encoder."""

    embedding: EmbeddingInfo | None = None
    dense: Mapping[str, DenseWeights] = field(default_factory=dict)
    head: Head | None = None
    head_info: HeadInfo | None = None
    notes: tuple[str, ...] = ()


def _read_purpose(
    task: CheckpointTask,
    table: HeadTable | None,
    described: Description,
    tensors: Mapping[str, Tensor],
    encoder: Encoder,
    tokenizer: TokenizerFiles,
) -> _Purpose:
    config = encoder.config
    if table is None:
        embedding, dense, notes = read_embedding(described.pipeline, config.hidden)
        return _Purpose(embedding=embedding, dense=dense, notes=notes)
    source, hf_config = str(described.path), described.hf_config
    outputs = _outputs(task, table, tensors, config)
    said = head_config(table, hf_config, config, outputs)
    wanted = untied(said, table, tensors, encoder.embeddings.token.weight)
    head = read_head(table, tensors, config, wanted)
    labelled = require_task(task.name).labels is not None
    labels = labels_of(hf_config, outputs, source=source) if labelled else ()
    meaning = HeadSource(
        hf_config=hf_config,
        labels=labels,
        pipeline=described.pipeline,
        tells_words=tokenizer.tells_words,
        folder=source,
    )
    own = f"{table.out}.weight is not the table of token embeddings: it is used as it is stored"
    notes = () if wanted == said else (own,)
    return _Purpose(head=head, head_info=task.head_info(meaning), notes=notes)


def _outputs(
    task: CheckpointTask, table: HeadTable, tensors: Mapping[str, Tensor], config: EncoderConfig
) -> int:
    if task.outputs == "vocabulary":
        return config.vocabulary
    outputs = tensors[f"{table.out}.weight"].shape[0]
    if task.outputs not in (None, outputs):
        raise CheckpointError(
            f"{table.out}.weight has {outputs} rows, a head for {task.name} has {task.outputs}"
        )
    return outputs


def _locate(source: str | PathLike[str]) -> tuple[Kind, str, Path]:
    folder = Path(source).expanduser()
    if folder.is_dir():
        return "folder", folder.resolve().name, folder
    if folder.exists():
        raise CheckpointError(f"{source} is a file, expected the folder of a checkpoint")
    name = hub_name(source)
    if name is not None:
        return "hub", str(name), download(name)
    raise CheckpointError(
        f"{source} is neither a folder here nor a Hub id, which is written organisation/name or "
        "organisation/name@revision, for example sentence-transformers/all-MiniLM-L6-v2"
    )


def _build(config: EncoderConfig, state: Mapping[str, Tensor]) -> Encoder:
    # On "meta" nothing is drawn or allocated only to be replaced.
    with torch.device("meta"):
        encoder = Encoder(config)
    encoder.load_state_dict(state, assign=True)
    return encoder.eval()


def _tokenizer_notes(
    described: Description, config: EncoderConfig, tokenizer: TokenizerFiles, asked: int | None
) -> tuple[str, ...]:
    """Where the model and its tokenizer differ; `asked` is the caller's limit in tokens."""
    hf_config, where = described.hf_config, str(described.pipeline.transformer)
    return (
        *_padding_notes(hf_config, config, tokenizer),
        *_limit_notes(hf_config, asked, tokenizer.max_length, config, where),
    )


def _limit_notes(
    hf_config: Mapping[str, Any], asked: int | None, limit: int, config: EncoderConfig, source: str
) -> tuple[str, ...]:
    """Whether the training gave the model a limit below what its encoder takes."""
    noted = read_own_settings(hf_config, source=source).get(MAX_LENGTH)
    if asked is not None or noted != limit or limit >= config.positions:
        return ()
    return (
        f"texts are cut to {limit} tokens, as in its training; the encoder takes "
        f"{config.positions}, with another max_length (--max-length)",
    )


def _padding_notes(
    hf_config: Mapping[str, Any], config: EncoderConfig, tokenizer: TokenizerFiles
) -> tuple[str, ...]:
    """What decides where the model and its tokenizer name different padding tokens."""
    named = hf_config.get("pad_token_id")
    if named is None or tokenizer.pad_id in (named, config.padding_id):
        return ()
    counted = config.position_kind is Positions.COUNTED
    positions = f"; positions are counted from {config.padding_id}, the model's" if counted else ""
    return (
        f"config.json has pad_token_id {named}, the tokenizer pads with {tokenizer.pad_token!r}, "
        f"which is {tokenizer.pad_id}: texts are padded as the tokenizer says, and padding is "
        f"masked{positions}",
    )


def _aggregation_notes(head: HeadInfo | None) -> tuple[str, ...]:
    if head is None or head.aggregation is None:
        return ()
    return (f"tokens become entities by {head.aggregation!r}, unless a call names another way",)
