"""Rows of a file, one at a time: plain text, CSV, JSON lines or Parquet.

`edgebert-run`, training and calibration read files through this module alone, so that each kind of
file is read, and refused, in one way. Memory does not grow with the number of rows.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime.errors import InputError
from edgebert_runtime.io.columns import MISSING, Columns, Row, chosen
from edgebert_runtime.io.text_rows import csv_rows, decode_lines, json_rows, plain_rows

BATCH_ROWS: Final = 1024
"""Rows of Parquet that are Python objects at once."""

LineReader = Callable[[Path, Iterator[str], Columns], Iterator[Row]]


def read_table(path: Path, columns: Columns, kind: str | None = None) -> Iterator[Row]:
    """The rows of a file; it is read as far as they are taken.

    Args:
        path: by its ending `.txt` (one text a line), `.csv` (with a header), `.jsonl` (one object
            a line) or `.parquet` (needs pyarrow, a null is an empty text); UTF-8.
        columns: which to read.
        kind: the ending that counts; None takes the file's own.

    Raises:
        InputError: the file is of another kind; and while it is read: it cannot be, lacks a
            column, or a row is not of its kind.
    """
    ending = kind or path.suffix.lower()
    read = READERS.get(ending)
    if read is None:
        raise InputError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(READERS)}")
    return _readable(path, read(path, columns))


def count_rows(path: Path, columns: Columns) -> int:
    """How many rows `read_table` gives; a Parquet file says so, others are read.

    Raises:
        InputError: as in `read_table`.
    """
    if path.suffix.lower() != ".parquet":
        return sum(1 for _ in read_table(path, columns))
    with _explained(path), _opened_parquet(path) as table:
        return int(table.metadata.num_rows)


def has_column(path: Path, column: str) -> bool:
    """Whether a file has a column; in JSON lines, whether the first row has it.

    Raises:
        InputError: as in `read_table`.
    """
    first = next(read_table(path, Columns(required=(), optional=(column,))), None)
    return first is not None and first.values != (MISSING,)


def _lines(path: Path, columns: Columns, read: LineReader) -> Iterator[Row]:
    # Opened here, not where lines are decoded: an error in a row then closes the file at once.
    with path.open("rb") as file:
        yield from read(path, decode_lines(path, file), columns)


def _readable(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    with _explained(path):
        for row in rows:
            if row.problem is not None:
                raise row.problem
            yield row


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}; name a file that exists and that "
            "you may read"
        ) from error


def _read_parquet(path: Path, columns: Columns) -> Iterator[Row]:
    with _opened_parquet(path) as table:
        there = table.schema_arrow.names
        places = columns.find(str(path), there)
        names = [there[place] for place in places if place is not None]
        at = [None if place is None else names.index(there[place]) for place in places]
        number = 0
        for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=names):
            for values in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                number += 1
                cells = ["" if value is None else value for value in values]
                yield Row(f"{path}, row {number}", chosen(cells, at))


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
    except InputError:
        raise
    except (ArrowException, ValueError) as error:  # a ValueError is text that is not UTF-8
        raise InputError(
            f"{path} is not a Parquet file: {error}; write it again, or give it the right ending"
        ) from error


READERS: Final[Mapping[str, Callable[[Path, Columns], Iterator[Row]]]] = MappingProxyType(
    {
        ".txt": partial(_lines, read=plain_rows),
        ".csv": partial(_lines, read=csv_rows),
        ".jsonl": partial(_lines, read=json_rows),
        ".parquet": _read_parquet,
    }
)
"""Ending → what gives its rows."""
