"""Answers to a file as they come: JSON lines, CSV, npy or Parquet, complete or not there."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime.errors import ConfigError, OutputError
from edgebert_runtime.io.arrow import (
    answer_arrays,
    open_parquet_writer,
    require_arrow,
    schema_of,
    table_of,
)
from edgebert_runtime.storage.atomic_write import draft
from edgebert_runtime.tasks.spec import Columns, Record

BATCH_ROWS: Final = 8192
"""Answers in a row group of Parquet: enough to be read fast, few enough to hold."""

SHOWN_CHARACTERS: Final = 80
"""Of an answer in an error."""

DECIMALS: Final = 8
"""Of a vector's numbers as text: float32 has seven to nine digits, and these are below 1."""


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse before anything has been run what could not be written in the end.

    Raises:
        ConfigError: an ending nobody writes.
        OutputError: something is there, and is not to be replaced or no file.
    """
    if path.suffix.lower() not in WRITERS:
        raise ConfigError(f"{path} ends in {path.suffix!r}, expected one of {', '.join(WRITERS)}")
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder; name a file")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists; pass --overwrite to replace it, or choose another name")


def write_records(path: Path, columns: Columns, records: Iterable[Record]) -> None:
    """Write answers to a file that `check_output` has let pass, in the format of its ending.

    The file appears, or takes the place of what was there, once it is complete.

    Args:
        path: ends in `.jsonl`, `.csv`, `.npy` or `.parquet`.
        columns: of every record.
        records: taken one by one; no more than a batch is held.

    Raises:
        ConfigError: `.npy` for what is no vectors, or Parquet without pyarrow.
        OutputError: it cannot be written there.
    """
    with draft(path) as hidden:
        WRITERS[path.suffix.lower()](hidden, columns, records)


def json_line(value: object) -> str:
    """A record or a part of one as JSON, without a line feed; numbers of vectors are rounded.

    Raises:
        OutputError: it holds NaN or infinity.
    """
    try:
        return json.dumps(value, ensure_ascii=False, default=_numbers, allow_nan=False)
    except ValueError as error:
        raise OutputError(
            f"an answer holds NaN or infinity, which JSON has no number for: {_beginning(value)}; "
            "choose another variant or provider, or run edgebert-run check on the bundle"
        ) from error


def _beginning(value: object) -> str:
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}…"


def _write_json_lines(path: Path, columns: Columns, records: Iterable[Record]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{json_line(record)}\n" for record in records)


def _write_csv(path: Path, columns: Columns, records: Iterable[Record]) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_header(columns))
        rows.writerows(_cells(columns, record) for record in records)


def _header(columns: Columns) -> list[str]:
    """Names of cells; a dataclass has one a field."""
    return [
        name
        for column, type_ in columns.items()
        for name in ([f"{column}.{key}" for key in _keys(type_)] or [column])
    ]


def _cells(columns: Columns, record: Record) -> list[object]:
    cells: list[object] = []
    for column, type_ in columns.items():
        value = record[column]
        cells += [_cell(value[key]) for key in _keys(type_)] or [_cell(value)]
    return cells


def _keys(type_: Any) -> list[str]:
    return [field.name for field in fields(type_)] if is_dataclass(type_) else []


def _cell(value: object) -> object:
    if isinstance(value, str | int):
        return value
    text = json_line(value)  # refuses NaN
    return value if isinstance(value, float) else text


def _write_npy(path: Path, columns: Columns, records: Iterable[Record]) -> None:
    vectors = columns.get("embedding")
    if vectors is None:
        raise ConfigError(
            f"npy is for vectors, these answers have {', '.join(columns)}; choose another ending"
        )
    from numpy.lib.format import write_array_header_1_0

    def write_header(count: int) -> None:
        shape = (count, vectors.size)
        described = {"descr": vectors.dtype, "fortran_order": False, "shape": shape}
        write_array_header_1_0(file, described)

    with path.open("wb") as file:
        write_header(0)  # numpy leaves room in it for any number of rows
        count = 0
        for record in records:
            file.write(record["embedding"].tobytes())
            count += 1
        file.seek(0)
        write_header(count)


def _write_parquet(path: Path, columns: Columns, records: Iterable[Record]) -> None:
    require_arrow()
    schema = schema_of(columns)
    with path.open("wb") as file, open_parquet_writer(file, schema, columns) as writer:
        rows = iter(records)
        while batch := list(islice(rows, BATCH_ROWS)):
            writer.write_table(table_of(answer_arrays(columns, batch), schema))


def _numbers(vector: Any) -> list[float]:
    return [round(number, DECIMALS) for number in vector.tolist()]


WRITERS: Final[Mapping[str, Callable[[Path, Columns, Iterable[Record]], None]]] = MappingProxyType(
    {
        ".jsonl": _write_json_lines,
        ".csv": _write_csv,
        ".npy": _write_npy,
        ".parquet": _write_parquet,
    }
)
"""Ending → what writes it."""
