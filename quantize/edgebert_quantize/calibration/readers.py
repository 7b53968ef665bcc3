"""Texts from a user's file: plain text, CSV, JSON lines or Parquet."""

import csv
import json
from pathlib import Path
from typing import Any

from edgebert_runtime.errors import InputError
from edgebert_runtime.io.readers import read_rows


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
    return [value for (value,) in read_rows(path, (column,))]


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
