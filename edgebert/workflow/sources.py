"""What can be exported: a checkpoint folder, a Hub id, or any `nn.Module` with a spec."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, cast

from torch import nn

from edgebert.checkpoints import Checkpoint, DenseWeights, read_checkpoint
from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.checkpoints.files import read_json_if_present
from edgebert.checkpoints.history import read_history
from edgebert.checkpoints.modules import sentence_transformers_files
from edgebert.checkpoints.tasks import AUTO
from edgebert.checkpoints.token_gate.witnesses import Origin
from edgebert.checkpoints.tokenizer.classes import PLAIN_CLASS
from edgebert.checkpoints.tokenizer.read import TokenizerRequirements, read_tokenizer
from edgebert.model.heads import EncoderWithHead
from edgebert.model.sentence import SentenceEmbedder
from edgebert.tasks.registry import checkpoint_tasks
from edgebert.workflow.module_adapter import adapt
from edgebert_export import BundleParts, ExportSpec
from edgebert_runtime.bundle.manifest import EmbeddingInfo
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.registry import TaskName


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source, ready to export or to verify against.

    Attributes:
        module: takes the spec's inputs in order and returns its outputs.
        spec: what it is.
        parts: what goes beside its graphs.
        tokenizer: where its tokenizer comes from.
        notes: what the user should be told about how it was read.
    """

    module: nn.Module
    spec: ExportSpec
    parts: BundleParts
    tokenizer: Origin
    notes: tuple[str, ...] = ()


def open_source(
    source: str | PathLike[str] | nn.Module,
    *,
    spec: ExportSpec | None = None,
    tokenizer: str | PathLike[str] | None = None,
    task: str = AUTO,
    max_length: int | None = None,
) -> Source:
    """Read a source.

    Args:
        source: a folder, a Hub id, or a module with its spec and its tokenizer's folder.
        spec: what a module is.
        tokenizer: where a module's tokenizer is.
        task: what a checkpoint is exported for; a module's spec says it.
        max_length: where texts are cut, in tokens.

    Raises:
        ConfigError: a spec or a tokenizer without an `nn.Module`, or the reverse; a task that is
            not known, or not the spec's.
        CheckpointError, TokenizerError: it cannot be read.
    """
    if isinstance(source, nn.Module):
        if spec is None or tokenizer is None:
            raise ConfigError(
                f"{type(source).__name__} is an nn.Module: pass spec=ExportSpec(...) and "
                "tokenizer='folder with tokenizer.json' with it"
            )
        if task not in (AUTO, spec.task):
            raise ConfigError(f"task={task!r}, the spec says {spec.task!r}; they must agree")
        limited = spec if max_length is None else replace(spec, max_length=max_length)
        return _from_module(source, limited, Path(tokenizer))
    if spec is not None or tokenizer is not None:
        raise ConfigError("spec and tokenizer go with an nn.Module; a checkpoint brings its own")
    checkpoint = read_checkpoint(source, tasks=checkpoint_tasks(), task=task, max_length=max_length)
    return _from_checkpoint(checkpoint)


def _from_checkpoint(checkpoint: Checkpoint) -> Source:
    spec = _checkpoint_spec(checkpoint)
    parts = BundleParts(
        tokenizer=checkpoint.tokenizer.info(
            max_length=spec.text_limit, max_positions=spec.max_positions
        ),
        embedding=checkpoint.embedding,
        config={**checkpoint.hf_config, **checkpoint.config_keys},
        files={
            **checkpoint.tokenizer.contents(),
            **_pipeline_files(checkpoint.embedding, checkpoint.dense, spec),
        },
        source={
            "kind": checkpoint.kind,
            "name": checkpoint.name,
            "model_type": checkpoint.model_type,
        },
        provenance=read_history(checkpoint.hf_config, source=str(checkpoint.folder)),
    )
    pipeline = checkpoint.pipeline
    return Source(
        module=_module(checkpoint).eval(),
        spec=spec,
        parts=parts,
        tokenizer=Origin(
            folder=pipeline.transformer, vocabulary=spec.vocabulary, lowercase=pipeline.lowercase
        ),
        notes=checkpoint.notes,
    )


def _checkpoint_spec(checkpoint: Checkpoint) -> ExportSpec:
    config, embedding = checkpoint.config, checkpoint.embedding
    return ExportSpec(
        vocabulary=config.vocabulary,
        hidden=config.hidden,
        max_positions=config.positions,
        layers=config.layers,
        token_types=config.token_types if config.token_types > 1 else 0,
        heads=config.layer_heads,
        max_length=checkpoint.max_length,
        task=cast("TaskName", checkpoint.task),  # or a registered one
        head=checkpoint.head_info,
        steps=embedding.steps if embedding else (),
        dimensions=embedding.dimensions if embedding else None,
        promises=_promises(checkpoint),
        model_type=checkpoint.model_type,
    )


def _module(checkpoint: Checkpoint) -> nn.Module:
    if checkpoint.head is not None:
        return EncoderWithHead(checkpoint.encoder, checkpoint.head)
    steps = checkpoint.embedding.steps if checkpoint.embedding else ()
    return SentenceEmbedder(checkpoint.encoder, steps, checkpoint.dense)


def _promises(checkpoint: Checkpoint) -> dict[str, int]:
    """The LayerNorms and GELUs of the architecture, its head and its dense steps."""
    config, embedding = checkpoint.config, checkpoint.embedding
    dense = sum(step.activation == "gelu" for step in (embedding.steps if embedding else ()))
    head = checkpoint.head.config if checkpoint.head else None
    return {
        "layer_norm": config.layer_norms + (head is not None and head.norm),
        "gelu": config.gelus + dense + (head is not None and head.gelu),
    }


def _from_module(module: nn.Module, spec: ExportSpec, tokenizer: Path) -> Source:
    if any(step.kind == "dense" for step in spec.steps):
        raise ConfigError("put dense layers inside the module; spec.steps takes pool and normalize")
    files, notes = read_tokenizer(
        tokenizer,
        TokenizerRequirements(
            vocabulary=spec.vocabulary,
            positions=spec.max_positions,
            asked=spec.max_length,
            settings=None,
            lowercase=False,
            default_class=_tokenizer_class(tokenizer),
        ),
    )
    adapted = adapt(module, replace(spec, max_length=files.max_length), files.pad_id)
    limited = adapted.spec
    embedding = (
        EmbeddingInfo(dimensions=limited.vector_size, steps=limited.steps)
        if limited.embeds
        else None
    )
    parts = BundleParts(
        tokenizer=files.info(max_length=limited.text_limit, max_positions=limited.max_positions),
        embedding=embedding,
        config=_module_config(limited),
        files={**files.contents(), **_pipeline_files(embedding, {}, limited)},
        source={"kind": "module", "name": adapted.name, "model_type": limited.model_type},
    )
    return Source(
        module=adapted.module,
        spec=limited,
        parts=parts,
        tokenizer=Origin(folder=tokenizer, vocabulary=spec.vocabulary),
        notes=(*notes, *adapted.notes),
    )


def _tokenizer_class(folder: Path) -> str:
    """The class that goes with the `config.json` beside a tokenizer, where it names none."""
    family = FAMILIES.get(str(read_json_if_present(folder / "config.json").get("model_type")))
    return PLAIN_CLASS if family is None else family.tokenizer_class


def _pipeline_files(
    embedding: EmbeddingInfo | None, dense: Mapping[str, DenseWeights], spec: ExportSpec
) -> dict[str, bytes]:
    """What sentence-transformers reads, for models that give token vectors and pool them."""
    if embedding is None or not spec.pools:
        return {}
    return sentence_transformers_files(embedding, dense, spec.hidden, spec.text_limit)


def _module_config(spec: ExportSpec) -> dict[str, Any]:
    """`config.json` of a module of our user's own: the sizes other tools ask for."""
    return {
        "model_type": spec.model_type or "custom",
        "hidden_size": spec.hidden,
        "num_hidden_layers": spec.layers,
        "num_attention_heads": spec.heads,
        "vocab_size": spec.vocabulary,
        "max_position_embeddings": spec.max_positions,
        "type_vocab_size": spec.token_types,
    }
