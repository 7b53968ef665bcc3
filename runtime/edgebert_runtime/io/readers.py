"""The texts that `edgebert-run` answers: of a file, or of standard input."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.io.tables import Columns, count_rows, decode_lines, read_table, without_end

TEXT: Final = ("text",)
PAIR: Final = ("text", "text_pair")
"""What a row's texts are called once they are read."""

Texts = tuple[Any, ...]


@dataclass(frozen=True)
class Source:
    """Texts that come from somewhere.

    Attributes:
        names: of a row's columns, `TEXT` or `PAIR`.
        rows: tuples of one text or of two, read as they are taken.
        count: says how many there are, if that can be known before they are read.
    """

    names: tuple[str, ...]
    rows: Iterator[Texts]
    count: Callable[[], int] | None


def open_file(path: Path, column: str | None = None, column_pair: str | None = None) -> Source:
    """The texts of a file, or pairs of them; files and errors are those of `read_rows`.

    Args:
        path: the file.
        column: where texts are.
        column_pair: where the second texts of pairs are; None reads no pairs.
    """
    columns = (column,) if column_pair is None else (column, column_pair)
    names = TEXT if column_pair is None else PAIR
    seekable = path.is_file()  # what a pipe gives is gone once it has been counted
    count = partial(count_rows, path, Columns(required=columns)) if seekable else None
    return Source(names, read_rows(path, columns), count)


def standard_input() -> Source:
    """Standard input, a text a line.

    Raises:
        InputError: while it is read: it is not UTF-8.
    """
    lines = decode_lines("standard input", sys.stdin.buffer)
    return Source(TEXT, ((without_end(line),) for line in lines), None)


def read_rows(path: Path, columns: Sequence[str | None] = (None,)) -> Iterator[Texts]:
    """The values of some columns, row after row.

    Args:
        path: a file as `read_table` takes it.
        columns: names; None is `text`, or the only column of a CSV file.

    Raises:
        InputError: as `read_table`.
    """
    return (row.values for row in read_table(path, Columns(required=columns)))
