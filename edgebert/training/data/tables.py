"""Training files, read with suspicion: whatever is wrong is named with its line.

`docs/training.md` specifies the formats.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.errors import InputError

KINDS: Final = {str: "a string", int: "a whole number", list: "an array of strings"}

LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""What JSON can escape and no text can hold."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One record of a file.

    Attributes:
        place: file and line, for errors.
        values: by column or key.
    """

    place: str
    values: Mapping[str, Any]


def read_csv(
    path: Path, required: tuple[str, ...], optional: tuple[str, ...] = (), empty: str | None = None
) -> list[Row]:
    """Read a CSV file with a header (RFC 4180, UTF-8).

    Args:
        path: the file.
        required: columns that must be there.
        optional: columns that may be there.
        empty: the one column that may be empty in a row.

    Raises:
        InputError: the file cannot be read, has no rows, lacks a column or has one that is not
            known, or a row has another number of cells or an empty one.
    """
    lines = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = next(lines, [])
        _check_header(path, header, required, optional)
        rows = [_cells(f"{path}, line {lines.line_num}", header, cells, empty) for cells in lines]
    except csv.Error as error:
        raise InputError(f"{path}, line {lines.line_num}: {error}; write it as CSV") from error
    return _filled(path, rows)


def read_json_lines(path: Path, keys: Mapping[str, type]) -> list[Row]:
    """Read a file with one JSON object a line; empty lines are passed over.

    Args:
        path: the file.
        keys: each key there must be, to `str`, `int` or `list` (of strings).

    Raises:
        InputError: the file cannot be read or has no rows, or a line is no such object.
    """
    rows = [
        Row(place=f"{path}, line {number}", values=_object(f"{path}, line {number}", line, keys))
        for number, line in enumerate(_text(path).split("\n"), start=1)
        if line.strip()
    ]
    return _filled(path, rows)


def read_documents(path: Path) -> list[tuple[str, ...]]:
    """Read plain text: one sentence a line, a blank line between documents.

    Raises:
        InputError: the file cannot be read or is blank.
    """
    documents = [tuple(_sentences(block)) for block in _blocks(_text(path))]
    if not documents:
        raise InputError(f"{path} has no text, expected one sentence a line")
    return documents


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # line ends inside cells as they are
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its name") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 (byte {error.start}); save it with that encoding"
        ) from error


def _filled(path: Path, rows: list[Row]) -> list[Row]:
    if not rows:
        raise InputError(f"{path} has no rows, expected at least one")
    return rows


def _check_header(
    path: Path, header: list[str], required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    known = (*required, *optional)
    problems = [f"no column {name!r}" for name in required if name not in header]
    problems += [f"the unknown column {name!r}" for name in header if name not in known]
    problems += [f"the column {name!r} twice" for name, n in Counter(header).items() if n > 1]
    if problems:
        may = f" and perhaps {', '.join(optional)}" if optional else ""
        raise InputError(
            f"{path}, line 1 has {', '.join(problems)}; expected {', '.join(required)}{may}"
        )


def _cells(place: str, header: list[str], cells: list[str], empty: str | None) -> Row:
    if len(cells) != len(header):
        raise InputError(
            f"{place} has {len(cells)} cells, expected {len(header)} ({', '.join(header)}); "
            "quote a cell that holds commas"
        )
    values = dict(zip(header, cells, strict=True))
    blank = [name for name, cell in values.items() if not cell.strip() and name != empty]
    if blank:
        raise InputError(f"{place} is empty in column {', '.join(blank)}; fill or remove the row")
    return Row(place=place, values=values)


def _object(place: str, line: str, keys: Mapping[str, type]) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{place} is not JSON ({error}); write one object a line") from error
    if not isinstance(fields, dict) or fields.keys() != keys.keys():
        found = ", ".join(fields) if isinstance(fields, dict) else type(fields).__name__
        raise InputError(f"{place} has {found}, expected an object with {', '.join(keys)}")
    wrong = [
        f"{key}, expected {KINDS[kind]}" for key, kind in keys.items() if not _is(fields[key], kind)
    ]
    if wrong:
        raise InputError(f"{place} has another kind of {'; '.join(wrong)}")
    return fields


def _is(value: object, kind: type) -> bool:
    if isinstance(value, list):
        return kind is list and all(_is(item, str) for item in value)
    if isinstance(value, str):
        return kind is str and not LONE_SURROGATE.search(value)
    return isinstance(value, kind) and not isinstance(value, bool)


def _blocks(text: str) -> Iterator[list[str]]:
    """Runs of lines that are not blank."""
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _sentences(lines: list[str]) -> Iterator[str]:
    return (line.strip() for line in lines)
