"""Texts from a user's file: plain text, CSV, JSON lines or Parquet."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime.errors import InputError

DEFAULT_COLUMN: Final = "text"


def read_texts(path: Path, column: str | None = None) -> list[str]:
    """The texts of a file, blank ones left out, each once, in order.

    Args:
        path: by its ending `.txt` (one text a line), `.csv` (with a header), `.jsonl` (one object
            a line) or `.parquet` (needs pyarrow); UTF-8.
        column: where the texts are; None takes `text`, or the only column of a CSV file.

    Raises:
        InputError: the file cannot be read, is of another kind, or lacks the column; or a text is
            no string.
    """
    texts = read_column(path, column)
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise InputError(f"{path}: text {number} is {type(text).__name__}, expected a string")
    return list(dict.fromkeys(text.strip() for text in texts if text.strip()))


def read_column(path: Path, column: str | None) -> list[Any]:
    """A column of a file, all rows in order; files and errors are those of `read_texts`."""
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise InputError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(READERS)}")
    try:
        return read(path, column)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error


def has_column(path: Path, column: str) -> bool:
    """Whether a file that can be read has a column; in JSON lines, whether the first row has it."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        from pyarrow import parquet

        return column in parquet.read_schema(path).names
    with path.open(encoding="utf-8-sig", newline="") as file:
        if kind == ".csv":
            return column in (csv.DictReader(file).fieldnames or ())
        return column in json.loads(next(line for line in file if line.strip()))


def _read_lines(path: Path, column: str | None) -> list[Any]:
    if column is not None:
        raise InputError(f"{path} is plain text and has no column {column!r}")
    return path.read_text(encoding="utf-8-sig").splitlines()


def _read_csv(path: Path, column: str | None) -> list[Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        header = list(rows.fieldnames or ())
        name = header[0] if column is None and len(header) == 1 else _named(path, column, header)
        try:
            return ["" if row[name] is None else row[name] for row in rows]
        except csv.Error as error:
            raise InputError(
                f"{path}, after line {rows.line_num}: {error}; write it as CSV"
            ) from error


def _read_json_lines(path: Path, column: str | None) -> list[Any]:
    found: list[Any] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number} is not an object with a text in it")
        found.append(row[_named(f"{path}, line {number}", column, list(row))])
    return found


def _read_parquet(path: Path, column: str | None) -> list[Any]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise InputError(
            f"{path} needs pyarrow: pip install 'edgebert-quantize[parquet]'"
        ) from error
    try:
        names = parquet.read_schema(path).names
        name = _named(path, column, names)
        values = parquet.read_table(path, columns=[name]).column(name).to_pylist()
    except ArrowException as error:
        raise InputError(f"{path} is not a Parquet file: {error}") from error
    return ["" if value is None else value for value in values]


def _named(place: object, column: str | None, there: list[str]) -> str:
    wanted = column or DEFAULT_COLUMN
    if wanted not in there:
        raise InputError(
            f"{place} has no column {wanted!r}, it has {', '.join(map(repr, there)) or 'none'}; "
            "name the one with the texts"
        )
    return wanted


READERS: Final[Mapping[str, Callable[[Path, str | None], list[Any]]]] = MappingProxyType(
    {
        ".txt": _read_lines,
        ".csv": _read_csv,
        ".jsonl": _read_json_lines,
        ".parquet": _read_parquet,
    }
)
