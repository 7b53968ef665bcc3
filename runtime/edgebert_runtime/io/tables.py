"""Rows of a file, one at a time: plain text, CSV, JSON lines or Parquet.

`edgebert-run`, training and calibration read files through this module alone, so that each kind of
file is read, and refused, in one way. Memory does not grow with the number of rows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from edgebert_runtime.errors import InputError

DEFAULT_COLUMN: Final = "text"
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
LONGEST_FIELD: Final = 2**31 - 1
"""Of CSV, in characters: what fits a C long everywhere; the module's own limit is 131,072."""

BATCH_ROWS: Final = 1024
"""Rows of Parquet that are Python objects at once."""

OTHER_DELIMITERS: Final = MappingProxyType({";": "semicolon", "\t": "tab", "|": "vertical bar"})
"""What other programs write between the cells of CSV."""

MISSING: Final = object()
"""The value of an optional column that a file, or an object of JSON lines, does not have."""


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        place: the file and the number of the line or row, from 1, as errors name it.
        values: of the columns asked for, in their order.
    """

    place: str
    values: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns of a file are read.

    Attributes:
        required: names; None is `text`, or the only column of a CSV file.
        optional: names of columns that may be missing; their value is then `MISSING`.
        exact: whether to refuse other columns, every name that is there twice, and CSV rows that
            lack cells. Otherwise other columns are ignored, blank lines of CSV are skipped, and
            cells that a row lacks are empty.
    """

    required: Sequence[str | None] = (None,)
    optional: Sequence[str] = ()
    exact: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in the order of a row's values."""
        return (*(name or DEFAULT_COLUMN for name in self.required), *self.optional)

    @property
    def expected(self) -> str:
        """What a file must have, for errors."""
        needed = ", ".join(name or DEFAULT_COLUMN for name in self.required)
        return f"{needed} and perhaps {', '.join(self.optional)}" if self.optional else needed

    def of_csv(self, header: Sequence[str]) -> "Columns":
        """The same columns, where an unnamed one is a header's only one."""
        alone = header[0] if len(header) == 1 else None
        required = tuple(name or alone for name in self.required)
        return Columns(required=required, optional=self.optional, exact=self.exact)

    def find(self, place: str, there: Sequence[str]) -> list[int | None]:
        """The position of each column among those of a row or a file; None of one that is missing.

        Raises:
            InputError: a required one is missing, or one is there twice; or `exact`, and there are
                others.
        """
        needed = self.names[: len(self.required)]
        problems = [f"no column {name!r}" for name in needed if name not in there]
        if self.exact:
            others = [name for name in there if name not in self.names]
            problems += [f"the unknown column {name!r}" for name in others]
        repeated = [
            name
            for name, times in Counter(there).items()
            if times > 1 and (self.exact or name in self.names)
        ]
        problems += [f"the column {name!r} twice" for name in repeated]
        if problems:
            advice = f"expected {self.expected}" if self.exact else "name one that is there"
            raise InputError(
                f"{place} has {', '.join(problems)}, it has "
                f"{', '.join(map(repr, there)) or 'none'}; {advice}"
            )
        return [there.index(name) if name in there else None for name in self.names]


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


def wrong_kind(place: str, column: str, value: object, expected: str) -> InputError:
    """The refusal of a value that is not of the kind that its column holds."""
    found = type(value).__name__
    return InputError(
        f"{place} has a {column} of the wrong type, expected {expected}, found {found}"
    )


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
                f"{name}, line {number} is not UTF-8: {error.reason} at byte {error.start} of it; "
                "save the file with that encoding"
            ) from error


def without_end(line: str) -> str:
    """A line without the characters that end it."""
    return line.removesuffix("\n").removesuffix("\r")


def _lines(path: Path, columns: Columns, read: LineReader) -> Iterator[Row]:
    # Opened here, not where lines are decoded: an error in a row then closes the file at once.
    with path.open("rb") as file:
        yield from read(path, decode_lines(path, file), columns)


def _readable(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    with _explained(path):
        yield from rows


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}; name a file that exists and that "
            "you may read"
        ) from error


def _read_lines(path: Path, lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    for column in columns.required:
        if column is not None:
            raise InputError(
                f"{path} is plain text and has no column {column!r}; leave out the column"
            )
    for number, line in enumerate(lines, start=1):
        yield Row(f"{path}, line {number}", (without_end(line),))


def _read_csv(path: Path, lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    import csv

    csv.field_size_limit(LONGEST_FIELD)
    rows = csv.reader(lines, strict=True)
    read = 0  # lines of whole rows: an open quotation mark swallows the rest of the file
    try:
        header = next(rows, [])
        _check_delimiter(path, header, columns)
        places = columns.of_csv(header).find(f"{path}, line 1", header)
        read = rows.line_num
        for cells in rows:
            place = f"{path}, line {rows.line_num}"
            if len(cells) > len(header) or (columns.exact and len(cells) < len(header)):
                raise InputError(
                    f"{place} has {len(cells)} cells, expected {len(header)} "
                    f"({', '.join(header)}); quote a cell that holds commas"
                )
            if cells:
                cells += [""] * (len(header) - len(cells))
                yield Row(place, _chosen(cells, places))
            read = rows.line_num
    except csv.Error as error:
        raise InputError(
            f"{path}, after line {read}: {error}; write it as CSV, with commas between the cells"
        ) from error


def _check_delimiter(path: Path, header: Sequence[str], columns: Columns) -> None:
    """Refuse a header of one cell that another delimiter would make several of.

    Raises:
        InputError: it is one, and nobody asked for a column of that name.
    """
    if len(header) != 1 or header[0] in columns.required:
        return
    for delimiter, name in OTHER_DELIMITERS.items():
        if delimiter in header[0]:
            raise InputError(
                f"{path}, line 1 has one column, {header[0]!r}, with a {name} in its name; save "
                "the file with commas between the cells, or name the column if that is its name"
            )


def _read_json_lines(path: Path, lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    import json

    known: list[str] | None = None
    places: list[int | None] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            fields = json.loads(line, object_pairs_hook=_fields)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place} is not JSON: {error}; write one object a line") from error
        if not isinstance(fields, dict):
            raise InputError(
                f"{place} is not an object but {type(fields).__name__}; "
                f"expected an object with {columns.expected}"
            )
        keys = list(fields)
        if keys != known:
            known, places = keys, columns.find(place, keys)
        yield Row(place, _chosen(list(fields.values()), places))


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, of which JSON itself would allow two values of one name."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object has {name!r} twice")
    return fields


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
                yield Row(f"{path}, row {number}", _chosen(cells, at))


def _chosen(cells: Sequence[Any], places: Sequence[int | None]) -> tuple[Any, ...]:
    return tuple(MISSING if place is None else cells[place] for place in places)


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
        ".txt": partial(_lines, read=_read_lines),
        ".csv": partial(_lines, read=_read_csv),
        ".jsonl": partial(_lines, read=_read_json_lines),
        ".parquet": _read_parquet,
    }
)
"""Ending → what gives its rows."""
