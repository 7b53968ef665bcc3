"""The table of layouts: which files a repository has, their keys, and where that is known from.

One JSON file a repository in `layouts/`:

- `expected`: the task and the limit in tokens of an export, or `refused`, words of the refusal.
  `differs` says why the installed transformers gives other tokens than the folder's own file.
- `tokenizer`: the kind of small tokenizer, of `tests.support.zoo.tokenizers.KINDS`.
- `weights`: transformers' class, the file, and what differs from what that class saves.
- `files`: settings files, with their real keys and values. Of `tokenizer.json`, the parts that are
  known to differ from the class's own.
- `beside`: other files; `absent`: files known not to be there.
- `evidence`: for each file where its content is known from. `exact` says that the file was read
  there and nothing in it shows that it was saved again. Of a `tokenizer.json` too large to be read
  the converter's source says everything but the vocabulary, which is replaced here in any case.
  Of the kind `memory` are files that nobody could look up: an entry with one that decides tokens or
  pooling counts for nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("layouts")
DECIDING: Final = (
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "2_Pooling/config.json",
    "2_Dense/config.json",
)
"""Files that decide tokens or pooling; `tokenizer.json` is the other one."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One folder, as its JSON file describes it."""

    name: str
    repository: str
    expected: Mapping[str, Any]
    tokenizer: str
    weights: Mapping[str, Any]
    files: Mapping[str, Any]
    beside: tuple[str, ...]
    absent: tuple[str, ...]
    evidence: tuple[Mapping[str, Any], ...]

    @property
    def refused(self) -> str | None:
        words: str | None = self.expected.get("refused")
        return words

    @property
    def remembered(self) -> tuple[str, ...]:
        """Files that decide something and nobody could look up."""
        kept = (each["files"] for each in self.evidence if each["kind"] == "memory")
        deciding = (*DECIDING, "tokenizer.json")
        return tuple(name for names in kept for name in names if name in deciding)

    @property
    def exact(self) -> bool:
        """Whether every file that decides tokens or pooling was read where the evidence says."""
        read = {name for each in self.evidence if each.get("exact") for name in each["files"]}
        return all(name in read for name in (*DECIDING, "tokenizer.json") if name in self.files)


def load(path: Path) -> Layout:
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    lists = {name: tuple(fields[name]) for name in ("beside", "absent", "evidence")}
    return Layout(name=path.stem, **{**fields, **lists})


LAYOUTS: Final = {path.stem: load(path) for path in sorted(FOLDER.glob("*.json"))}
