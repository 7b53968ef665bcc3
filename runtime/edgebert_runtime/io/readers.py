"""The texts that `edgebert-run` answers: of a file, or of standard input."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from edgebert_runtime.errors import InputError
from edgebert_runtime.io.columns import Columns, Row, wrong_kind
from edgebert_runtime.io.tables import count_rows, read_table
from edgebert_runtime.io.text_rows import decode_lines, without_end

TEXT: Final = ("text",)
PAIR: Final = ("text", "text_pair")
"""What a row's texts are called once they are read."""

STANDARD_INPUT: Final = "standard input"


@dataclass(frozen=True)
class Source:
    """Texts that come from somewhere.

    Attributes:
        names: of a row's columns, `TEXT` or `PAIR`.
        rows: of one text or of two, read as they are taken.
        count: says how many there are, if that can be known before they are read.
    """

    names: tuple[str, ...]
    rows: Iterator[Row]
    count: Callable[[], int] | None


def given_texts(rows: Sequence[tuple[str, ...]], names: tuple[str, ...] = TEXT) -> Source:
    """Texts, or pairs of them, that are arguments of a command."""
    return Source(names, (Row("", texts) for texts in rows), lambda: len(rows))


def open_file(path: Path, column: str | None = None, column_pair: str | None = None) -> Source:
    """The texts of a file, or pairs of them; files and errors are those of `read_rows`.

    Args:
        path: the file.
        column: where texts are.
        column_pair: where the second texts of pairs are; None reads no pairs.
    """
    columns = (column,) if column_pair is None else (column, column_pair)
    names = TEXT if column_pair is None else PAIR
    seekable = os.path.isfile(path)  # what a pipe gives is gone once it has been counted
    count = partial(count_rows, path, Columns(required=columns)) if seekable else None
    return Source(names, read_rows(path, columns), count)


def standard_input() -> Source:
    """Standard input, a text a line.

    Raises:
        InputError: it is closed; or while it is read: it cannot be, or it is not UTF-8.
    """
    if sys.stdin is None:
        raise InputError(f"{STANDARD_INPUT} is closed; give texts as arguments or with --input")
    return Source(TEXT, _lines_of(sys.stdin.buffer), None)


def _lines_of(stream: Iterable[bytes]) -> Iterator[Row]:
    try:
        for number, line in enumerate(decode_lines(STANDARD_INPUT, stream), start=1):
            yield Row(f"{STANDARD_INPUT}, line {number}", (without_end(line),))
    except OSError as error:
        raise InputError(
            f"{STANDARD_INPUT} cannot be read: {error.strerror}; give texts as arguments or with "
            "--input"
        ) from error


def read_rows(path: Path, columns: Sequence[str | None] = (None,)) -> Iterator[Row]:
    """The texts of some columns, row after row.

    Args:
        path: a file as `read_table` takes it.
        columns: names; None is `text`, or the only column of a CSV file.

    Raises:
        InputError: as `read_table`; or a value is no string.
    """
    wanted = Columns(required=columns)
    return map(partial(_checked, wanted.names), read_table(path, wanted))


def _checked(names: Sequence[str], row: Row) -> Row:
    for name, value in zip(names, row.values, strict=True):
        if not isinstance(value, str):
            raise wrong_kind(row.place, name, value, "a string")
    return row
