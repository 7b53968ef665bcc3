"""The special tokens around texts, where `tokenizer.json` puts none."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer, processors

from edgebert.checkpoints.tokenizer.classes import TokenizerClass
from edgebert.checkpoints.tokenizer.rust import tokenizer_errors
from edgebert.checkpoints.tokenizer.side_files import SideFiles

SILENT: Final = (None, "ByteLevel")
"""Types of post-processors that add no tokens."""


def add_template(
    folder: Path, fields: dict[str, Any], tokenizer: Tokenizer, side: SideFiles
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Put the class's special tokens around texts where the file puts none, as transformers 5.

    A tokenizer that was trained with the tokenizers library has none. Texts stay bare where the
    class is unknown or adds none, and where the vocabulary lacks them.

    Returns:
        The fields, and a note where they changed.

    Raises:
        TokenizerError: the tokenizers library refuses the template.
    """
    row = side.row
    if row is None or not row.single or _type(fields) not in SILENT:
        return fields, ()
    tokens = [side.roles[role] for role in ("cls_token", "sep_token")]
    known = tokenizer.get_vocab(with_added_tokens=True)
    if not all(token in known for token in tokens):
        return fields, ()
    ids = {token: known[token] for token in tokens}
    with tokenizer_errors(f"{folder} has special tokens {list(ids)}", "rename them"):
        state = _processor(row, side.roles, ids).__getstate__()
    note = (
        "tokenizer.json puts no special tokens around texts; those of "
        f"{side.class_name} are put there: {', '.join(ids)}"
    )
    return fields | {"post_processor": json.loads(state)}, (note,)


def _type(fields: Mapping[str, Any]) -> object:
    return (fields.get("post_processor") or {}).get("type")


def _processor(
    row: TokenizerClass, roles: Mapping[str, str], ids: Mapping[str, int]
) -> processors.PostProcessor:
    cls, sep = roles["cls_token"], roles["sep_token"]
    if row.trims:
        return processors.RobertaProcessing(
            (sep, ids[sep]), (cls, ids[cls]), trim_offsets=True, add_prefix_space=False
        )
    return processors.TemplateProcessing(
        single=_named(row.single, roles),
        pair=_named(row.pair, roles),
        special_tokens=[*ids.items()],
    )


def _named(template: str, roles: Mapping[str, str]) -> list[str]:
    """The template with tokens for roles."""
    pieces = [piece.rpartition(":") for piece in template.split()]
    return [f"{roles.get(name, name)}:{type_id}" for name, _, type_id in pieces]
