"""Small caches in JSON files, whose loss costs time and nothing else."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgebert_runtime.errors import EdgebertError
from edgebert_runtime.storage.json_reader import read_json
from edgebert_runtime.storage.renaming import replace_file
from edgebert_runtime.storage.text_file import write_text


def read_json_cache(path: Path) -> dict[str, Any]:
    """The object in a file; empty if the file cannot be read or holds none."""
    try:
        values = read_json(path, EdgebertError)
    except EdgebertError:
        return {}
    return values if isinstance(values, dict) else {}


def write_json_cache(path: Path, values: Mapping[str, Any]) -> None:
    """Replace a file in one rename, its folder created; does nothing if it cannot be written."""
    staged = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(staged, json.dumps(values, indent=1))
        replace_file(staged, path)
    except OSError:
        with suppress(OSError):
            staged.unlink(missing_ok=True)
