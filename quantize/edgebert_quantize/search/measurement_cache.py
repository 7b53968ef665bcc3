"""A cache of measurements, so that a second search does not repeat them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgebert_runtime.storage.json_cache import read_json_cache, write_json_cache


class MeasurementCache:
    """Name → measured values, in one file of a cache folder.

    A file that cannot be read counts as empty. If the folder cannot be written, values are cached
    in this process only.

    Args:
        folder: the cache; None caches in this process only.
        about: everything the values depend on.
    """

    def __init__(self, folder: Path | None, about: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self._path = None if folder is None else folder / "searches" / f"{digest[:32]}.json"
        self._values = {} if self._path is None else read_json_cache(self._path)

    def get(self, name: str) -> Any:
        """The cached values, or None."""
        return self._values.get(name)

    def put(self, name: str, values: Any) -> None:
        """Cache values that JSON can hold, and write the file."""
        self._values[name] = values
        if self._path is not None:
            write_json_cache(self._path, self._values)
