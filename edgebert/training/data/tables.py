"""Reading of training files; every error names its line.

`docs/how-to/train.md` specifies the formats.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.errors import InputError
from edgebert_runtime.io.columns import MISSING, Columns, wrong_kind
from edgebert_runtime.io.tables import read_table

LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Surrogates, which JSON can escape and UTF-8 cannot encode."""

ENDINGS: Final = (".csv", ".jsonl", ".parquet")


class CellType(Enum):
    """What a column holds; the value is how errors say it."""

    TEXT = "a string"
    LABEL = "a string or a number"
    WHOLE = "a whole number"
    TEXTS = "an array of strings"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of a file.

    Attributes:
        place: file and line, for errors.
        values: by column; an optional one that is missing is left out.
    """

    place: str
    values: Mapping[str, Any]


def read_records(
    path: Path,
    required: Mapping[str, CellType],
    *,
    optional: Mapping[str, CellType] | None = None,
    empty: str | None = None,
    usual: str = ".csv",
) -> list[Record]:
    """Read a file of named columns: CSV with a header, JSON lines or Parquet.

    Args:
        path: the file.
        required: columns that must be there.
        optional: columns that may be there.
        empty: the one column that may be empty in a row.
        usual: what a file is read as whose name ends in none of `ENDINGS`.

    Raises:
        InputError: the file cannot be read, has no rows, lacks a column or has one that is not
            known, or a row has another number of cells, an empty one, or one of another kind.
    """
    kinds = {**required, **(optional or {})}
    columns = Columns(required=tuple(required), optional=tuple(optional or ()), exact=True)
    kind = path.suffix.lower() if path.suffix.lower() in ENDINGS else usual
    records = [
        _record(row.place, dict(zip(kinds, row.values, strict=True)), kinds, empty)
        for row in read_table(path, columns, kind)
    ]
    if not records:
        raise InputError(f"{path} has no rows, expected at least one")
    return records


def read_documents(path: Path) -> list[tuple[str, ...]]:
    """Read plain text: one sentence a line, a blank line between documents.

    Raises:
        InputError: the file cannot be read or is blank.
    """
    lines = (row.values[0].strip() for row in read_table(path, Columns(), ".txt"))
    documents = [tuple(block) for filled, block in groupby(lines, bool) if filled]
    if not documents:
        raise InputError(f"{path} has no text, expected one sentence a line")
    return documents


def _record(
    place: str, found: Mapping[str, Any], kinds: Mapping[str, CellType], empty: str | None
) -> Record:
    values = {
        name: _value(place, name, value, kinds[name])
        for name, value in found.items()
        if value is not MISSING
    }
    blank = [
        name
        for name, value in values.items()
        if isinstance(value, str) and not value.strip() and name != empty
    ]
    if blank:
        raise InputError(f"{place} is empty in column {', '.join(blank)}; fill or remove the row")
    return Record(place=place, values=values)


def _value(place: str, name: str, value: Any, kind: CellType) -> Any:
    """The value of a cell; a label that is a number is the text that CSV would have."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {
        CellType.TEXT: _is_text(value),
        CellType.LABEL: _is_text(value) or whole or isinstance(value, float),
        CellType.WHOLE: whole,
        CellType.TEXTS: isinstance(value, list) and all(map(_is_text, value)),
    }
    if not fits[kind]:
        raise wrong_kind(place, name, value, kind.value)
    return str(value) if kind is CellType.LABEL else value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not LONE_SURROGATE.search(value)
