"""Answers as columns of Arrow, and how Parquet files of them are written."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, BinaryIO, get_args

import numpy as np

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.spec import Columns, Record, VectorType


def require_arrow() -> None:
    """Refuse to go on without pyarrow.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import pyarrow  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise ConfigError(
            "Parquet needs pyarrow: pip install 'edgebert-runtime[parquet]'"
        ) from error


def schema_of(columns: Columns) -> Any:
    """The Arrow schema of answers."""
    import pyarrow

    return pyarrow.schema([(name, arrow_type(type_)) for name, type_ in columns.items()])


def arrow_type(type_: Any) -> Any:
    """Arrow's type for that of a column."""
    import pyarrow

    if isinstance(type_, VectorType):
        return pyarrow.list_(pyarrow.from_numpy_dtype(type_.dtype), type_.size)
    if is_dataclass(type_):
        return pyarrow.struct([(field.name, arrow_type(field.type)) for field in fields(type_)])
    if get_args(type_):
        return pyarrow.list_(arrow_type(get_args(type_)[0]))
    return {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}[type_]


def answer_arrays(columns: Columns, records: Sequence[Record | None]) -> dict[str, Any]:
    """A column of Arrow for each column of answers.

    Args:
        columns: of every record.
        records: None is a row without an answer, which is null in every column.
    """
    return {
        name: _array(type_, [None if each is None else each[name] for each in records])
        for name, type_ in columns.items()
    }


def _array(type_: Any, values: Sequence[Any]) -> Any:
    import pyarrow

    if isinstance(type_, VectorType):
        return _vectors(type_, values)
    return pyarrow.array(values, arrow_type(type_))


def _vectors(type_: VectorType, values: Sequence[Any]) -> Any:
    """One copy of all numbers, where Arrow itself would look at each of them."""
    import pyarrow

    rows = np.zeros((len(values), type_.size), type_.dtype)
    for at, vector in enumerate(values):
        if vector is not None:
            rows[at] = vector
    missing = pyarrow.array([vector is None for vector in values], pyarrow.bool_())
    return pyarrow.FixedSizeListArray.from_arrays(
        pyarrow.array(rows.ravel()), type_.size, mask=missing
    )


def open_parquet_writer(file: BinaryIO, schema: Any, columns: Columns) -> Any:
    """A writer of Parquet: zstd, and no dictionary for vectors, whose numbers never repeat.

    Args:
        file: where it writes.
        schema: of the file.
        columns: those that hold answers.
    """
    from pyarrow import parquet

    vectors = {name for name, type_ in columns.items() if isinstance(type_, VectorType)}
    repeating = [name for name in _leaves(schema) if name.partition(".")[0] not in vectors]
    return parquet.ParquetWriter(
        file, schema, compression="zstd", use_dictionary=repeating or False
    )


@lru_cache(maxsize=8)
def _leaves(schema: Any) -> tuple[str, ...]:
    """Paths of the columns that Parquet makes of a schema, which only a file of it tells."""
    from pyarrow import BufferOutputStream, parquet

    stream = BufferOutputStream()
    with parquet.ParquetWriter(stream, schema):
        pass
    described = parquet.ParquetFile(stream.getvalue()).schema
    return tuple(described.column(at).path for at in range(len(described)))


def table_of(arrays: Mapping[str, Any], schema: Any) -> Any:
    """A table of columns that are in memory."""
    import pyarrow

    return pyarrow.table([arrays[name] for name in schema.names], schema=schema)
