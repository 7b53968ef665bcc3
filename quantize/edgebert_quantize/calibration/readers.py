"""Texts and columns of a user's file: plain text, CSV, JSON lines or Parquet."""

from pathlib import Path
from typing import Any

from edgebert_runtime.io.columns import DEFAULT_COLUMN, Columns, wrong_kind
from edgebert_runtime.io.tables import has_column, read_table

__all__ = ["has_column", "read_column", "read_texts"]


def read_texts(path: Path, column: str | None = None) -> list[str]:
    """The texts of a file, blank ones left out, each once, in order.

    Args:
        path: a file as `read_table` takes it.
        column: where the texts are; None takes `text`, or the only column of a CSV file.

    Raises:
        InputError: the file cannot be read, is of another kind, or lacks the column; or a text is
            no string.
    """
    texts: dict[str, None] = {}
    for row in read_table(path, Columns(required=(column,))):
        (text,) = row.values
        if not isinstance(text, str):
            raise wrong_kind(row.place, column or DEFAULT_COLUMN, text, "a string")
        texts[text.strip()] = None
    return [text for text in texts if text]


def read_column(path: Path, column: str | None) -> list[Any]:
    """A column of a file, all rows in order; files and errors are those of `read_texts`."""
    return [row.values[0] for row in read_table(path, Columns(required=(column,)))]
