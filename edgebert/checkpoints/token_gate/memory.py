"""Verdicts that were reached before, by everything that they depend on.

Importing transformers takes seconds. What it said of the same files, in the same version, it need
not be asked again.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import tokenizers

from edgebert.checkpoints.token_gate.verdict import Verdict
from edgebert.transformers_bridge import transformers_version
from edgebert_runtime.storage.cache_dir import default_cache_dir
from edgebert_runtime.storage.json_cache import read_json_cache, write_json_cache
from edgebert_runtime.tokenization import tokenizer

FOLDER: Final = "tokens"

WEIGHTS: Final = (
    *(".bin", ".ckpt", ".data", ".gguf", ".h5", ".msgpack", ".npz", ".onnx", ".ot", ".pkl"),
    *(".pt", ".pth", ".safetensors", ".md"),
)
"""Endings of files that say nothing of a tokenizer; all others of the folder are hashed."""

_reached: dict[str, Verdict] = {}
"""Those of this process, for users without a cache."""


def remembered(folder: Path, options: dict[str, Any], reach: Callable[[], Verdict]) -> Verdict:
    """The verdict on a tokenizer; reached at most once for the same files, options and versions.

    Args:
        folder: with the tokenizer's files.
        options: what else it depends on, as JSON has it.
        reach: compares.
    """
    key = _key(folder, options)
    cached = default_cache_dir()
    if cached is None:
        if key not in _reached:
            _reached[key] = reach()
        return _reached[key]
    path = cached / FOLDER / f"{key}.json"
    verdict = _read(read_json_cache(path))
    if verdict is None:
        verdict = reach()
        write_json_cache(path, verdict.to_dict())
    return verdict


def _read(stored: dict[str, Any]) -> Verdict | None:
    """A verdict of a cache; None where it holds none."""
    try:
        return Verdict.of(stored)
    except (KeyError, TypeError):
        return None


def _key(folder: Path, options: dict[str, Any]) -> str:
    digest = hashlib.sha256(_own_code())
    versions = {"tokenizers": tokenizers.__version__, "transformers": transformers_version()}
    digest.update(json.dumps([versions, options], sort_keys=True).encode("utf-8"))
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix not in WEIGHTS:
            _add_file(digest, path)
    return digest.hexdigest()


def _add_file(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    digest.update(f"{path.name} {content}\n".encode())


@cache
def _own_code() -> bytes:
    """Of this room and of the runtime's tokenizer: a verdict of other code is none."""
    rooms = (Path(__file__).parent, Path(tokenizer.__file__).parent)
    parts = [part for room in rooms for part in sorted(room.glob("*.py"))]
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).digest()
