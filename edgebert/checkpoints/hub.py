"""Checkpoints from the Hugging Face Hub, only the files a checkpoint is read from.

Source: huggingface_hub 2.4.0, `snapshot_download`; its cache, `HF_ENDPOINT`, `HF_TOKEN` and
`HF_HUB_OFFLINE` work as everywhere.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from edgebert.checkpoints.sentence_transformers import SETTINGS, module_paths
from edgebert_runtime.errors import CheckpointError

HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

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
ROOT_ONLY: Final = ("modules.json", "config_sentence_transformers.json")
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


def is_hub_id(source: str) -> bool:
    """Whether `source` has the form of a Hub id, `organisation/name`."""
    return HUB_ID.fullmatch(source) is not None and ".." not in source


def download(hub_id: str) -> Path:
    """Fetch what a checkpoint is read from, or find it in the cache; the folder it is in.

    Pickled weights are fetched only for folders that have no safetensors.

    Raises:
        CheckpointError: the model does not exist, is not open to this user, or cannot be reached.
    """
    folder = _fetch(hub_id, [*DESCRIPTIONS, *ROOT_ONLY])
    # One commit for all that follows, should the model change meanwhile.
    commit = folder.name
    paths = [path for path in module_paths(folder) if path]
    below = [f"{path}/{name}" for path in paths for name in DESCRIPTIONS]
    _fetch(hub_id, [*below, *_patterns(["", *paths], SAFETENSORS)], commit)
    bare = [path for path in ["", *paths] if not any((folder / path).glob("*.safetensors*"))]
    if bare:
        _fetch(hub_id, _patterns(bare, PICKLES), commit)
    return folder


def _patterns(paths: Iterable[str], names: Iterable[str]) -> list[str]:
    found = list(names)
    return [f"{path}/{name}" if path else name for path in paths for name in found]


def _fetch(hub_id: str, patterns: list[str], commit: str | None = None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, revision=commit, allow_patterns=patterns))
    except Exception as error:  # three HTTP libraries in three versions share no base class
        raise CheckpointError(_advice(hub_id, error)) from error


def _advice(hub_id: str, error: Exception) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return (
            f"{hub_id} is gated: accept its terms on its page on the Hub, then log in with "
            "`hf auth login` or set HF_TOKEN"
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"{hub_id} is neither a folder here nor a model on the Hub; check the spelling, or, if "
            "it is private, log in with `hf auth login` or set HF_TOKEN"
        )
    if isinstance(error, LocalEntryNotFoundError):
        return (
            f"{hub_id} is not in the cache and the Hub cannot be reached; go online and unset "
            "HF_HUB_OFFLINE, or pass a folder"
        )
    return f"{hub_id} cannot be fetched ({type(error).__name__}: {error}); try again"
