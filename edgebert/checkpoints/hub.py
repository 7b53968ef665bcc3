"""Checkpoints from the Hugging Face Hub, only the files a checkpoint is read from."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from edgebert.checkpoints.left_out import SIDE_FILES
from edgebert.checkpoints.sentence_transformers import SETTINGS, module_paths
from edgebert_runtime.bundle.hub_client import fetch
from edgebert_runtime.bundle.hub_name import HubName
from edgebert_runtime.errors import CheckpointError, HubError

DESCRIPTIONS: Final = (
    "config.json",
    "adapter_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    *SETTINGS,
)
BESIDE: Final = tuple(name for name in SIDE_FILES if not name.endswith(".pkl"))
"""Small, and never opened: that they are there is said at export."""

ROOT_ONLY: Final = ("modules.json", "config_sentence_transformers.json", *BESIDE)
SAFETENSORS: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "model-?????-of-?????.safetensors",
)
PICKLES: Final = (
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "pytorch_model-?????-of-?????.bin",
)


def download(name: HubName) -> Path:
    """Fetch what a checkpoint is read from, or find it in the cache; the folder it is in.

    Pickled weights are fetched only for folders that have no safetensors.

    Raises:
        CheckpointError: the model does not exist, is not open to this user, or cannot be reached.
    """
    folder = _fetch(name, [*DESCRIPTIONS, *ROOT_ONLY])
    # One commit for all that follows, should the model change meanwhile.
    pinned = replace(name, revision=folder.name)
    paths = [path for path in module_paths(folder) if path]
    below = _patterns(paths, DESCRIPTIONS)
    _fetch(pinned, [*below, *_patterns(["", *paths], SAFETENSORS)])
    bare = [path for path in ["", *paths] if not any((folder / path).glob("*.safetensors*"))]
    if bare:
        _fetch(pinned, _patterns(bare, PICKLES))
    return folder


def _patterns(paths: Iterable[str], names: Iterable[str]) -> list[str]:
    found = list(names)
    return [f"{path}/{name}" if path else name for path in paths for name in found]


def _fetch(name: HubName, patterns: list[str]) -> Path:
    try:
        return fetch(name, patterns)
    except HubError as error:
        raise CheckpointError(str(error)) from error
