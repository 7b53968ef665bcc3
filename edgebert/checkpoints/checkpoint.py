"""One call from a folder or a Hub id to everything an export needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from edgebert.checkpoints.families import find_family
from edgebert.checkpoints.family import Family
from edgebert.checkpoints.files import read_json
from edgebert.checkpoints.hub import download, is_hub_id
from edgebert.checkpoints.sentence_transformers import Pipeline, read_pipeline
from edgebert.checkpoints.steps import read_embedding
from edgebert.checkpoints.tokenizer import Demands, TokenizerFiles, read_tokenizer
from edgebert.checkpoints.translation import (
    config_from_hf,
    has_pooler,
    heads_in,
    state_from_hf,
)
from edgebert.checkpoints.weights import read_weights
from edgebert.model.config import EncoderConfig
from edgebert.model.encoder import Encoder
from edgebert.model.sentence import DenseWeights
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError
from edgebert_runtime.manifest import EmbeddingInfo

Kind = Literal["folder", "hub"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A source model, read.

    Attributes:
        folder: where its files are on this machine.
        kind: whether it was given as a folder or as a Hub id.
        name: the Hub id, or the folder's own name.
        model_type: its family, as `config.json` calls it.
        config: the encoder's shape.
        encoder: the encoder with the checkpoint's weights, float32, in evaluation mode.
        embedding: the steps from token vectors to one vector, and the prompts.
        dense: `Step.file` of each dense step to its weights.
        tokenizer: what the bundle needs of the tokenizer.
        max_length: where texts are cut, in tokens, special tokens included.
        hf_config: `config.json` as it was.
        notes: what the user should be told.
    """

    folder: Path
    kind: Kind
    name: str
    model_type: str
    config: EncoderConfig
    encoder: Encoder
    embedding: EmbeddingInfo
    dense: Mapping[str, DenseWeights]
    tokenizer: TokenizerFiles
    max_length: int
    hf_config: Mapping[str, Any]
    notes: tuple[str, ...]


def read_checkpoint(source: str | PathLike[str], *, max_length: int | None = None) -> Checkpoint:
    """Read a model that transformers or sentence-transformers saved.

    Args:
        source: a folder, or a Hub id such as `sentence-transformers/all-MiniLM-L6-v2`.
        max_length: where to cut texts, in tokens; None takes the checkpoint's own limit.

    Raises:
        CheckpointError: the source is not there, or its files are damaged or contradict each other.
        UnsupportedModelError: the model computes something edgebert does not.
        TokenizerError: the tokenizer is missing, unreadable, or does not fit the model.
        ConfigError: `max_length` is below 3 or above the model's positions.
    """
    kind, name, folder = _locate(source)
    pipeline = read_pipeline(folder)
    _refuse_adapter(pipeline.transformer)
    path = pipeline.transformer / "config.json"
    hf_config = read_json(path, dict)
    family = find_family(hf_config, path)
    tensors = read_weights(pipeline.transformer)
    pooler = has_pooler(family, tensors)
    config = config_from_hf(family, hf_config, pooler=pooler, source=str(path))
    encoder = _build(config, state_from_hf(family, tensors, config, source=str(path.parent)))
    embedding, dense = read_embedding(pipeline, config.hidden)
    tokenizer, notes = read_tokenizer(
        pipeline.transformer, _demands(family, config, pipeline, max_length)
    )
    return Checkpoint(
        folder=folder,
        kind=kind,
        name=name,
        model_type=hf_config["model_type"],
        config=config,
        encoder=encoder,
        embedding=embedding,
        dense=dense,
        tokenizer=tokenizer,
        max_length=tokenizer.max_length,
        hf_config=hf_config,
        notes=(*_pooling_notes(pipeline), *_head_notes(family, tensors), *notes),
    )


def _locate(source: str | PathLike[str]) -> tuple[Kind, str, Path]:
    folder = Path(source).expanduser()
    if folder.is_dir():
        return "folder", folder.resolve().name, folder
    if folder.exists():
        raise CheckpointError(f"{source} is a file, expected the folder of a checkpoint")
    if isinstance(source, str) and is_hub_id(source):
        return "hub", source, download(source)
    raise CheckpointError(
        f"{source} is neither a folder here nor a Hub id, which is written organisation/name, "
        "for example sentence-transformers/all-MiniLM-L6-v2"
    )


def _refuse_adapter(folder: Path) -> None:
    if (folder / "adapter_config.json").exists():
        raise UnsupportedModelError(
            f"{folder} holds an adapter (adapter_config.json), which is not applied here; load it "
            "with peft, call merge_and_unload(), and save the result"
        )


def _build(config: EncoderConfig, state: Mapping[str, Tensor]) -> Encoder:
    # On "meta" nothing is drawn or allocated only to be replaced.
    with torch.device("meta"):
        encoder = Encoder(config)
    encoder.load_state_dict(state, assign=True)
    return encoder.eval()


def _demands(
    family: Family, config: EncoderConfig, pipeline: Pipeline, asked: int | None
) -> Demands:
    return Demands(
        vocabulary=config.vocabulary,
        positions=config.positions,
        asked=asked,
        settings=pipeline.max_length,
        lowercase=pipeline.lowercase,
        default_class=family.tokenizer_class,
    )


def _pooling_notes(pipeline: Pipeline) -> tuple[str, ...]:
    if pipeline.modules is not None:
        return ()
    return ("no modules.json: vectors are pooled by mean",)


def _head_notes(family: Family, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    return tuple(f"the {head} head is left out" for head in heads_in(family, tensors))
