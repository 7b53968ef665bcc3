"""A checkpoint folder without its weights: family, settings and tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.registry import find_family
from edgebert.checkpoints.files import read_json
from edgebert.checkpoints.found_instead import found_instead
from edgebert.checkpoints.known_keys import unknown_keys
from edgebert.checkpoints.sentence_transformers import Pipeline, read_pipeline
from edgebert.checkpoints.state_dict import config_from_hf, config_keys
from edgebert.checkpoints.tokenizer.read import (
    TokenizerFiles,
    TokenizerRequirements,
    read_tokenizer,
)
from edgebert.checkpoints.weights import has_weights, refuse_pointer
from edgebert.model.config import EncoderConfig
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a folder says of its model.

    Attributes:
        path: its `config.json`.
        pipeline: what sentence-transformers wrote around it.
        family: whose tables to read it by.
        hf_config: the contents of `path`.
    """

    path: Path
    pipeline: Pipeline
    family: Family
    hf_config: Mapping[str, Any]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should be told about the files that are read here."""
        unknown = unknown_keys(self.path, self.hf_config, config_keys(self.family))
        return (*self.pipeline.notes, *unknown)

    def config(self, *, pooler: bool) -> EncoderConfig:
        """The encoder's shape; whether there is a pooler, only the weights say.

        Raises:
            CheckpointError, UnsupportedModelError: as `config_from_hf`.
        """
        return config_from_hf(self.family, self.hf_config, pooler=pooler, source=str(self.path))

    def tokenizer(
        self, config: EncoderConfig, max_length: int | None
    ) -> tuple[TokenizerFiles, tuple[str, ...]]:
        """The tokenizer for an encoder, and what the user should be told about it.

        Raises:
            TokenizerError, ConfigError: as `read_tokenizer`.
        """
        demands = TokenizerRequirements(
            vocabulary=config.vocabulary,
            positions=config.positions,
            asked=max_length,
            settings=self.pipeline.max_length,
            lowercase=self.pipeline.lowercase,
            default_class=self.family.tokenizer_class,
        )
        return read_tokenizer(self.pipeline.transformer, demands)


def describe(folder: Path) -> Description:
    """Read all but the weights.

    Raises:
        CheckpointError: a file is missing, damaged, or contradicts itself.
        UnsupportedModelError: the folder holds an adapter, or a model edgebert does not compute.
    """
    for each in (*folder.glob("*.json"), *folder.glob("*/*.json")):
        refuse_pointer(each)
    pipeline = read_pipeline(folder)
    _refuse_adapter(pipeline.transformer)
    path = pipeline.transformer / "config.json"
    _refuse_foreign(path)
    hf_config = read_json(path, dict)
    return Description(
        path=path, pipeline=pipeline, family=find_family(hf_config, path), hf_config=hf_config
    )


def _refuse_foreign(path: Path) -> None:
    """Say what a folder without `config.json` is, where that is known."""
    found = None if path.exists() or has_weights(path.parent) else found_instead(path.parent)
    if found is not None:
        raise CheckpointError(f"{path} not found: this is no checkpoint folder; {found}")


def _refuse_adapter(folder: Path) -> None:
    if (folder / "adapter_config.json").exists():
        raise UnsupportedModelError(
            f"{folder} holds an adapter (adapter_config.json), which is not applied here; load it "
            "with peft, call merge_and_unload(), and save the result"
        )
