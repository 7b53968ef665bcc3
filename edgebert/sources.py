"""What can be exported: a checkpoint folder, a Hub id, or any `nn.Module` with a spec."""

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from edgebert.checkpoints import Checkpoint, TokenizerFiles, read_checkpoint
from edgebert.checkpoints.tokenizer import Demands, read_tokenizer
from edgebert.interop import sentence_transformers_files, tokenizer_files
from edgebert.model.sentence import SentenceEmbedder
from edgebert_export import BundleParts, ExportSpec
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.manifest import EmbeddingInfo, TokenizerInfo


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source, ready to export or to verify against.

    Attributes:
        module: returns `last_hidden_state` and `sentence_embedding`.
        spec: what it is.
        parts: what goes beside its graphs.
        notes: what the user should be told about how it was read.
    """

    module: nn.Module
    spec: ExportSpec
    parts: BundleParts
    notes: tuple[str, ...] = ()


def open_source(
    source: str | PathLike[str] | nn.Module,
    *,
    spec: ExportSpec | None = None,
    tokenizer: str | PathLike[str] | None = None,
    max_length: int | None = None,
) -> Source:
    """Read a source.

    Raises:
        ConfigError: a spec or a tokenizer without an `nn.Module`, or the reverse.
        CheckpointError, TokenizerError: it cannot be read.
    """
    if isinstance(source, nn.Module):
        if spec is None or tokenizer is None:
            raise ConfigError(
                f"{type(source).__name__} is an nn.Module: pass spec=ExportSpec(...) and "
                "tokenizer='folder with tokenizer.json' with it"
            )
        limited = spec if max_length is None else replace(spec, max_length=max_length)
        return _from_module(source, limited, Path(tokenizer))
    if spec is not None or tokenizer is not None:
        raise ConfigError("spec and tokenizer go with an nn.Module; a checkpoint brings its own")
    return _from_checkpoint(read_checkpoint(source, max_length=max_length))


def _from_checkpoint(checkpoint: Checkpoint) -> Source:
    config, embedding = checkpoint.config, checkpoint.embedding
    spec = ExportSpec(
        vocabulary=config.vocabulary,
        hidden=config.hidden,
        max_positions=config.positions,
        layers=config.layers,
        token_types=config.token_types if config.token_types > 1 else 0,
        heads=config.heads,
        max_length=checkpoint.max_length,
        steps=embedding.steps,
        dimensions=embedding.dimensions,
        promises=_promises(checkpoint),
        model_type=checkpoint.model_type,
    )
    parts = BundleParts(
        tokenizer=_tokenizer_info(checkpoint.tokenizer, spec),
        embedding=embedding,
        config=checkpoint.hf_config,
        files={
            **_tokenizer_files(checkpoint.tokenizer),
            **sentence_transformers_files(
                embedding, checkpoint.dense, config.hidden, checkpoint.max_length
            ),
        },
        source={
            "kind": checkpoint.kind,
            "name": checkpoint.name,
            "model_type": checkpoint.model_type,
        },
    )
    module = SentenceEmbedder(checkpoint.encoder, embedding.steps, checkpoint.dense).eval()
    return Source(module=module, spec=spec, parts=parts, notes=checkpoint.notes)


def _promises(checkpoint: Checkpoint) -> dict[str, int]:
    """The LayerNorms and GELUs of the architecture, and a dense step's."""
    config = checkpoint.config
    dense = sum(step.activation == "gelu" for step in checkpoint.embedding.steps)
    return {"layer_norm": config.layer_norms, "gelu": config.gelus + dense}


def _from_module(module: nn.Module, spec: ExportSpec, tokenizer: Path) -> Source:
    if any(step.kind == "dense" for step in spec.steps):
        raise ConfigError("put dense layers inside the module; spec.steps takes pool and normalize")
    files, notes = read_tokenizer(
        tokenizer,
        Demands(
            vocabulary=spec.vocabulary,
            positions=spec.max_positions,
            asked=spec.max_length,
            settings=None,
            lowercase=False,
            default_class="PreTrainedTokenizerFast",
        ),
    )
    limited = replace(spec, max_length=files.max_length)
    embedding = EmbeddingInfo(dimensions=spec.vector_size, steps=spec.steps)
    name = type(module).__name__
    parts = BundleParts(
        tokenizer=_tokenizer_info(files, limited),
        embedding=embedding,
        config=_module_config(spec),
        files={
            **_tokenizer_files(files),
            **sentence_transformers_files(embedding, {}, spec.hidden, files.max_length),
        },
        source={"kind": "module", "name": name, "model_type": spec.model_type},
    )
    embedder = SentenceEmbedder(module, spec.steps, {}).eval()
    return Source(module=embedder, spec=limited, parts=parts, notes=notes)


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


def _tokenizer_info(tokenizer: TokenizerFiles, spec: ExportSpec) -> TokenizerInfo:
    return TokenizerInfo(
        file="tokenizer.json",
        max_length=spec.text_limit,
        max_positions=spec.max_positions,
        padding_side="right",
        pad_id=tokenizer.pad_id,
        pad_token=tokenizer.pad_token,
        pad_type_id=tokenizer.pad_type_id,
        special_tokens=tokenizer.special_tokens,
    )


def _tokenizer_files(tokenizer: TokenizerFiles) -> dict[str, bytes]:
    return tokenizer_files(
        tokenizer.json, tokenizer.tokenizer_config, tokenizer.special_tokens, tokenizer.vocab_txt
    )
