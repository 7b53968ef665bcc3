"""The base model of a training: a checkpoint's encoder with its own head or a new one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgebert.checkpoints import TokenizerFiles, read_checkpoint
from edgebert.checkpoints.describe import describe
from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.checkpoints.files import json_bytes
from edgebert.checkpoints.heads import head_config, labels_of, read_head, untied
from edgebert.checkpoints.modules import read_embedding
from edgebert.checkpoints.saving import MASKED_LM, PRETRAINING, CheckpointParts
from edgebert.checkpoints.tasks import EMBEDDINGS_ONLY
from edgebert.model.encoder import Encoder
from edgebert.model.heads import EncoderWithHead, Head, Pooled
from edgebert.model.sentence import Dense, DenseWeights, SentenceEmbedder
from edgebert.training.data.encoding import Inputs
from edgebert_runtime.bundle.manifest import EmbeddingInfo
from edgebert_runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class HeadRequest:
    """The head that a training needs.

    Attributes:
        heads: those to train, as the families' tables name them.
        outputs: width of a head that has no labels and is not the vocabulary.
        labels: those of the data, where its head has labels.
        max_length: where texts are cut, in tokens; None takes the base's own limit.
        new_head: draw a head's weights even if the base has one.
        from_scratch: draw all weights; of the base only shape and tokenizer count.
    """

    heads: tuple[str, ...]
    outputs: int | None = None
    labels: tuple[str, ...] = ()
    max_length: int | None = None
    new_head: bool = False
    from_scratch: bool = False


@dataclass(frozen=True, kw_only=True)
class BaseCheckpoint:
    """A model ready to be trained and then saved.

    Attributes:
        model: takes a batch's inputs and gives what the objective looks at.
        encoder: the one inside it.
        heads: those inside it, with their tables.
        labels: of the head's outputs, in order.
        family, tokenizer, embedding, hf_config: what goes into the folder with them.
        notes: what the user should be told.
        digests: sha256 of what was read of the base, by its kind; the new weights of a training
            from scratch are not among it.
    """

    model: nn.Module
    encoder: Encoder
    heads: tuple[tuple[HeadTable, Head], ...]
    labels: tuple[str, ...]
    family: Family
    tokenizer: TokenizerFiles
    embedding: EmbeddingInfo | None
    hf_config: Mapping[str, Any]
    notes: tuple[str, ...]
    digests: Mapping[str, str]

    def parts(self, settings: Mapping[str, Any]) -> CheckpointParts:
        """What to save, with further keys for `config.json`."""
        return CheckpointParts(
            family=self.family,
            encoder=self.encoder,
            tokenizer=self.tokenizer,
            base=self.hf_config,
            heads=self.heads,
            settings=settings,
            embedding=self.embedding,
            dense=dense_weights(self.model, self.embedding),
        )


class PretrainingModel(nn.Module):
    """An encoder with the heads of one or both pretraining objectives."""

    def __init__(self, encoder: Encoder, fill: Head, follows: Head | None) -> None:
        super().__init__()
        self.filling = EncoderWithHead(encoder, fill)
        self.follows = follows

    def forward(self, inputs: Inputs, masked: Tensor) -> tuple[Tensor, ...]:
        """Logits of the masked tokens only; those of all tokens would cost most of the time.

        Shapes:
            inputs: (batch, sequence)
            masked: (batch, sequence), bool
            returns: (masked tokens, vocabulary), and (batch, 2) if there is a second head
        """
        vectors = self.filling.encoder(*inputs.arguments)
        tokens: Tensor = self.filling.head(vectors[masked])
        if self.follows is None:
            return (tokens,)
        return tokens, self.follows(self.filling.encoder.pool(vectors))


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A base model's folder, read."""

    family: Family
    hf_config: Mapping[str, Any]
    encoder: Encoder
    tokenizer: TokenizerFiles
    embedding: EmbeddingInfo
    dense: Mapping[str, DenseWeights]
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()


def open_base(source: str | PathLike[str], wanted: HeadRequest) -> BaseCheckpoint:
    """Read the base model and give it the head that is wanted.

    New weights are drawn from torch's global generator.

    Args:
        source: the folder or Hub id of a checkpoint; from scratch, a folder that needs no weights.
        wanted: what is to be trained.

    Raises:
        CheckpointError, TokenizerError: it cannot be read.
        ConfigError: its family has no such head, or its head has other labels than the data.
    """
    read = _described(Path(source), wanted) if wanted.from_scratch else _stored(source, wanted)
    tables = [
        _table(read, task, new=wanted.new_head or wanted.from_scratch) for task in wanted.heads
    ]
    labels = wanted.labels
    for table, has_head in tables:
        if has_head and labels:
            labels = _agreed(read, table, labels)
    encoder = _with_pooler(read.encoder, tables)
    heads = tuple((table, _head(read, table, has, wanted, labels)) for table, has in tables)
    new = [table.task for table, has_head in tables if not has_head]
    notes = (f"the head's weights are initialized: {', '.join(new)}",) if new else ()
    return BaseCheckpoint(
        model=_model(read, encoder, heads),
        encoder=encoder,
        heads=heads,
        labels=labels,
        family=read.family,
        tokenizer=read.tokenizer,
        embedding=None if heads else read.embedding,
        hf_config=read.hf_config,
        notes=(*read.notes, *notes),
        digests=_digests(read, from_scratch=wanted.from_scratch),
    )


def dense_weights(model: nn.Module, embedding: EmbeddingInfo | None) -> dict[str, DenseWeights]:
    """The weights of dense steps as they are now, by the step's file."""
    if embedding is None or not isinstance(model, SentenceEmbedder):
        return {}
    return {
        str(step.file): DenseWeights(
            weight=module.linear.weight.detach(),
            bias=None if module.linear.bias is None else module.linear.bias.detach(),
        )
        for step, module in zip(embedding.steps, model.steps, strict=True)
        if isinstance(module, Dense)
    }


def _digests(read: _Source, *, from_scratch: bool) -> dict[str, str]:
    """What tells a base from another one of the same name."""
    config = json_bytes([read.hf_config, repr(read.embedding)])
    tokenizer = json_bytes([read.tokenizer.json, read.tokenizer.max_length])
    digests = {
        "base config": hashlib.sha256(config).hexdigest(),
        "base tokenizer": hashlib.sha256(tokenizer).hexdigest(),
    }
    if not from_scratch:
        weights = {**read.encoder.state_dict(), **read.tensors}
        for file, step in read.dense.items():
            weights |= {f"{file}.{name}": each for name, each in vars(step).items()}
        digests["base weights"] = digest_of_weights(weights)
    return digests


def digest_of_weights(weights: Mapping[str, Tensor | None]) -> str:
    """The sha256 of tensors with their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        if tensor is None:  # a bias that a layer does not have
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _stored(source: str | PathLike[str], wanted: HeadRequest) -> _Source:
    tasks = {EMBEDDINGS_ONLY.name: EMBEDDINGS_ONLY}
    checkpoint = read_checkpoint(
        source, task=EMBEDDINGS_ONLY.name, max_length=wanted.max_length, tasks=tasks
    )
    assert checkpoint.embedding is not None  # read for `embed`
    return _Source(
        family=checkpoint.family,
        hf_config=checkpoint.hf_config,
        encoder=checkpoint.encoder,
        tokenizer=checkpoint.tokenizer,
        embedding=checkpoint.embedding,
        dense=checkpoint.dense,
        tensors=checkpoint.other_tensors,
    )


def _described(folder: Path, wanted: HeadRequest) -> _Source:
    """A folder's config and tokenizer, with new weights."""
    described = describe(folder)
    config = described.config(pooler=bool(described.family.pooler))
    tokenizer, notes = described.tokenizer(config, wanted.max_length)
    embedding, dense, told = read_embedding(described.pipeline, config.hidden)
    return _Source(
        family=described.family,
        hf_config=described.hf_config,
        encoder=Encoder(config),
        tokenizer=tokenizer,
        embedding=embedding,
        dense=dense,
        tensors={},
        notes=(*described.notes, *notes, *told),
    )


def _table(read: _Source, task: str, *, new: bool) -> tuple[HeadTable, bool]:
    """The table of a head, and whether the base has that head."""
    tables = [table for table in read.family.tasks if table.task == task]
    if not tables:
        known = ", ".join(sorted({table.task for table in read.family.tasks})) or "nothing"
        raise ConfigError(
            f"edgebert has no head for {task} on {read.family.model_type} models, only for {known}"
        )
    present = [table for table in tables if not new and _has(read, table)]
    return (present[0], True) if present else (tables[0], False)


def _has(read: _Source, table: HeadTable) -> bool:
    """Also by the architecture, because heads of several tasks have the same names."""
    named = read.hf_config.get("architectures") or [table.architecture]
    pretrained = table.architecture.partition("For")[0] + PRETRAINING
    both = table.architecture.endswith((MASKED_LM, "ForNextSentencePrediction"))
    accepted = {table.architecture, pretrained} if both else {table.architecture}
    return not accepted.isdisjoint(named) and table.is_in(read.tensors)


def _agreed(read: _Source, table: HeadTable, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels of the stored head, if they include those of the data."""
    outputs = read.tensors[f"{table.out}.weight"].shape[0]
    stored = labels_of(read.hf_config, outputs, source="config.json of the base model")
    strange = [label for label in labels if label not in stored]
    if strange:
        raise ConfigError(
            f"the base model's head has the labels {', '.join(map(repr, stored))}, the data have "
            f"{', '.join(map(repr, strange))} too; pass new_head (--new-head) to begin with a head "
            "for the data's labels, or correct the data"
        )
    return stored


def _outputs(read: _Source, table: HeadTable, wanted: HeadRequest, labels: tuple[str, ...]) -> int:
    if table.task == "fill":
        return read.encoder.config.vocabulary
    return len(labels) if wanted.outputs is None else wanted.outputs


def _head(
    read: _Source, table: HeadTable, has_head: bool, wanted: HeadRequest, labels: tuple[str, ...]
) -> Head:
    config = read.encoder.config
    outputs = _outputs(read, table, wanted, labels)
    head = head_config(table, read.hf_config, config, outputs)
    if not has_head:
        return Head(config, head)
    stored = untied(head, table, read.tensors, read.encoder.embeddings.token.weight)
    return read_head(table, read.tensors, config, stored)


def _with_pooler(encoder: Encoder, tables: list[tuple[HeadTable, bool]]) -> Encoder:
    """The encoder with a pooler if a head reads it; without tables, as it is."""
    reads = any(table.pooled is Pooled.POOLER for table, _ in tables)
    if not tables or reads == (encoder.pooler is not None):
        return encoder
    fitted = Encoder(replace(encoder.config, pooler=reads))
    state = encoder.state_dict()
    kept = {name: state[name] for name in fitted.state_dict() if name in state}
    fitted.load_state_dict(kept, strict=False)
    return fitted


def _model(read: _Source, encoder: Encoder, heads: tuple[tuple[HeadTable, Head], ...]) -> nn.Module:
    if not heads:
        return SentenceEmbedder(encoder, read.embedding.steps, read.dense)
    first = heads[0][1]
    if first.config.kind == "fill":
        return PretrainingModel(encoder, first, heads[1][1] if len(heads) > 1 else None)
    return EncoderWithHead(encoder, first)
