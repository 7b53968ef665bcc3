"""Rows of text files: plain text, CSV and JSON lines; no more is read than is taken."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime.errors import InputError
from edgebert_runtime.io.columns import Columns, Row, chosen

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
LONGEST_FIELD: Final = 2**31 - 1
"""Of CSV, in characters: what fits a C long everywhere; the module's own limit is 131,072."""

OTHER_DELIMITERS: Final = MappingProxyType({";": "semicolon", "\t": "tab", "|": "vertical bar"})
"""What other programs write between the cells of CSV."""


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


def plain_rows(path: object, lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    """The rows of plain text, a text a line.

    Raises:
        InputError: a column is asked for, which such a file has not.
    """
    for column in columns.required:
        if column is not None:
            raise InputError(
                f"{path} is plain text and has no column {column!r}; leave out the column"
            )
    for number, line in enumerate(lines, start=1):
        yield Row(f"{path}, line {number}", (without_end(line),))


def csv_rows(path: object, lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    """The rows of CSV with a header; one with too many cells is refused.

    Raises:
        InputError: the header lacks a column, or the rest of the file is no CSV.
    """
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
                yield Row(place, (), _other_cells(place, cells, header))
            elif cells:
                cells += [""] * (len(header) - len(cells))
                yield Row(place, chosen(cells, places))
            read = rows.line_num
    except csv.Error as error:
        raise InputError(
            f"{path}, after line {read}: {error}; write it as CSV, with commas between the cells"
        ) from error


def _other_cells(place: str, cells: Sequence[str], header: Sequence[str]) -> InputError:
    return InputError(
        f"{place} has {len(cells)} cells, expected {len(header)} ({', '.join(header)}); quote a "
        "cell that holds commas"
    )


def _check_delimiter(path: object, header: Sequence[str], columns: Columns) -> None:
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


def json_rows(path: object, lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    """The rows of JSON lines; blank lines are skipped, and a line that is no object is refused."""
    reader = JsonRowReader(columns)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield reader.read(f"{path}, line {number}", line)


class JsonRowReader:
    """Reads rows that are objects of JSON, each by itself.

    Args:
        columns: which to read.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: list[str] | None = None
        self._places: list[int | None] = []

    def read(self, place: str, line: str) -> Row:
        """The row of a line; it is refused where the line is no object, or lacks a column.

        Args:
            place: of the line, for errors.
            line: with or without its end.
        """
        try:
            return Row(place, self._values(place, line))
        except InputError as problem:
            return Row(place, (), problem)

    def _values(self, place: str, line: str) -> tuple[Any, ...]:
        try:
            fields = json.loads(line, object_pairs_hook=_fields)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place} is not JSON: {error}; write one object a line") from error
        if not isinstance(fields, dict):
            raise InputError(
                f"{place} is not an object but {type(fields).__name__}; "
                f"expected an object with {self._columns.expected}"
            )
        keys = list(fields)
        if keys != self._known:  # most rows have the keys of the one before
            self._places, self._known = self._columns.find(place, keys), keys
        return chosen(list(fields.values()), self._places)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, of which JSON itself would allow two values of one name."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object has {name!r} twice")
    return fields
