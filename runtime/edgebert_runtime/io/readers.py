"""Rows of a file, as they are needed: plain text, CSV, JSON lines or Parquet."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime.errors import InputError

DEFAULT_COLUMN: Final = "text"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
LONGEST_FIELD: Final = 2**31 - 1
"""Of CSV, in characters: what fits a C long everywhere; the module's own limit is 131,072."""

BATCH_ROWS: Final = 1024
"""Rows of Parquet that are Python objects at once."""

TEXT: Final = ("text",)
PAIR: Final = ("text", "text_pair")
"""What a row's texts are called once they are read."""

Columns = Sequence[str | None]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Source:
    """Texts that come from somewhere.

    Attributes:
        names: of a row's columns, `TEXT` or `PAIR`.
        rows: tuples of one text or of two, read as they are taken.
        count: says how many there are, if that can be known before they are read.
    """

    names: tuple[str, ...]
    rows: Iterator[Row]
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
    return Source(
        names, read_rows(path, columns), partial(count_rows, path, columns) if seekable else None
    )


def standard_input() -> Source:
    """Standard input, a text a line.

    Raises:
        InputError: while it is read: it is not UTF-8.
    """
    lines = decode_lines("standard input", sys.stdin.buffer)
    return Source(TEXT, ((without_end(line),) for line in lines), None)


def read_rows(path: Path, columns: Columns = (None,)) -> Iterator[Row]:
    """The values of some columns, row after row; the file is read as far as rows are taken.

    Args:
        path: by its ending `.txt` (one text a line), `.csv` (with a header), `.jsonl` (one object
            a line) or `.parquet` (needs pyarrow, a null is an empty text); UTF-8.
        columns: names; None is `text`, or the only column of a CSV file.

    Raises:
        InputError: the file is of another kind; and while it is read: it cannot be, or lacks a
            column.
    """
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise InputError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(READERS)}")
    return _readable(path, read, columns)


def count_rows(path: Path, columns: Columns = (None,)) -> int:
    """How many rows `read_rows` gives; a table of Parquet says so, others are read.

    Raises:
        InputError: as in `read_rows`.
    """
    if path.suffix.lower() != ".parquet":
        return sum(1 for _ in read_rows(path, columns))
    with _explained(path), _opened_parquet(path) as table:
        return int(table.metadata.num_rows)


def decode_lines(name: object, lines: Iterable[bytes]) -> Iterator[str]:
    """Lines of UTF-8 with their ends as they are.

    Args:
        name: what errors call the file.
        lines: each with its line feed.

    Raises:
        InputError: one of them is not UTF-8.
    """
    for number, line in enumerate(lines, start=1):
        try:
            yield (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}, line {number} is not UTF-8: {error.reason} at byte {error.start} of it"
            ) from error


def without_end(line: str) -> str:
    """A line without the characters that end it."""
    return line.removesuffix("\n").removesuffix("\r")


def _readable(
    path: Path, read: Callable[[Path, Columns], Iterator[Row]], columns: Columns
) -> Iterator[Row]:
    with _explained(path):
        yield from read(path, columns)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _lines_of(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        yield from decode_lines(path, file)


def _read_lines(path: Path, columns: Columns) -> Iterator[Row]:
    for column in columns:
        if column is not None:
            raise InputError(f"{path} is plain text and has no column {column!r}")
    for line in _lines_of(path):
        yield (without_end(line),)


def _read_csv(path: Path, columns: Columns) -> Iterator[Row]:
    import csv

    csv.field_size_limit(LONGEST_FIELD)
    rows = csv.reader(_lines_of(path), strict=True)
    read = 0  # lines of whole rows: an open quotation mark swallows the rest of the file
    try:
        header = next(rows, [])
        alone = header[0] if len(header) == 1 else None
        places = [header.index(_named(path, column or alone, header)) for column in columns]
        read = rows.line_num
        for row in rows:
            if row:
                yield tuple(row[place] if place < len(row) else "" for place in places)
            read = rows.line_num
    except csv.Error as error:
        raise InputError(f"{path}, after line {read}: {error}; write it as CSV") from error


def _read_json_lines(path: Path, columns: Columns) -> Iterator[Row]:
    import json

    for number, line in enumerate(_lines_of(path), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{place} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputError(f"{place} is not an object with a text in it")
        yield tuple(row[_named(place, column, list(row))] for column in columns)


def _read_parquet(path: Path, columns: Columns) -> Iterator[Row]:
    with _opened_parquet(path) as table:
        there = table.schema_arrow.names
        names = [_named(path, column, there) for column in columns]
        for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=names):
            lists = [batch.column(name).to_pylist() for name in names]
            for row in zip(*lists, strict=True):
                yield tuple("" if value is None else value for value in row)


@contextmanager
def _opened_parquet(path: Path) -> Iterator[Any]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise InputError(
            f"{path} needs pyarrow: pip install 'edgebert-runtime[parquet]'"
        ) from error
    try:
        with parquet.ParquetFile(path) as table:
            yield table
    except ArrowException as error:
        raise InputError(f"{path} is not a Parquet file: {error}") from error


def _named(place: object, column: str | None, there: Sequence[str]) -> str:
    wanted = column or DEFAULT_COLUMN
    if wanted not in there:
        raise InputError(
            f"{place} has no column {wanted!r}, it has {', '.join(map(repr, there)) or 'none'}; "
            "name the one with the texts"
        )
    return wanted


READERS: Final[Mapping[str, Callable[[Path, Columns], Iterator[Row]]]] = MappingProxyType(
    {
        ".txt": _read_lines,
        ".csv": _read_csv,
        ".jsonl": _read_json_lines,
        ".parquet": _read_parquet,
    }
)
"""Ending → what gives its rows."""
