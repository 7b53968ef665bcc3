"""The vectors of `docs/conformance`, which readers in every language can be held to."""

import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[2] / "docs" / "conformance"
BASE: Final[dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A change of the manifest.

    Attributes:
        pointer: the place, as a JSON Pointer (RFC 6901).
        value: what is put there.
        verdict: `accept` or `refuse`.
        by: `schema` where the JSON Schema refuses it, too; `reader` where it cannot.
        says: a part of this reader's message.
    """

    pointer: str
    value: Any
    verdict: str
    by: str = ""
    says: str = ""

    def manifest(self) -> dict[str, Any]:
        """The manifest, changed."""
        found = deepcopy(BASE)
        *others, last = parts_of(self.pointer)
        holder: Any = found
        for part in others:
            holder = holder[int(part) if isinstance(holder, list) else part]
        holder[int(last) if isinstance(holder, list) else last] = self.value
        return found

    def __str__(self) -> str:
        return f"{self.pointer} {json.dumps(self.value)[:40]}"


def parts_of(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def cases(verdict: str, by: str = "") -> list[Case]:
    """Those of a verdict; with `by` only those that it refuses."""
    every = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))
    found = [Case(**each) for each in every]
    return [each for each in found if each.verdict == verdict and by in ("", each.by)]
