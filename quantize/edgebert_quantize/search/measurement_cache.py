"""Remember what was measured, so that a second search need not measure it again."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


class Ledger:
    """Name → measured values, in one file of a cache folder.

    A file that cannot be read counts as empty, and a folder that cannot be written to is done
    without: what is remembered can always be measured again.

    Args:
        folder: the cache; None remembers nothing beyond this process.
        about: everything the values depend on.
    """

    def __init__(self, folder: Path | None, about: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self._path = None if folder is None else folder / "searches" / f"{digest[:32]}.json"
        self._values = self._read()

    def get(self, name: str) -> Any:
        """The values remembered, or None."""
        return self._values.get(name)

    def put(self, name: str, values: Any) -> None:
        """Remember values that JSON can hold; on disk when this returns, where that can be."""
        self._values[name] = values
        if self._path is not None:
            with suppress(OSError):
                self._write(self._path)

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(self._values, file)
        os.replace(draft, path)
