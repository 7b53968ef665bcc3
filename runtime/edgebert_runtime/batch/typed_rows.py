"""Rows of text files as columns of Arrow, whose types the first rows of the job decide."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from edgebert_runtime.batch.chunks import Chunk
from edgebert_runtime.io.columns import MISSING, Row
from edgebert_runtime.storage.json_reader import shown

AS_JSON: Final = {b"edgebert": b"json"}
"""Metadata of a column of strings that holds values of several kinds, each as JSON."""

EXACT: Final = 2**53
"""Integers up to it are exact in a column of floats."""


def schema_of_values(rows: Iterable[Mapping[str, Any]], wanted: Sequence[str] = ()) -> Any:
    """An Arrow schema for values of JSON: bool, int64, double or string; else strings of JSON.

    Args:
        rows: the first ones; every key of theirs is a column.
        wanted: further columns.
    """
    import pyarrow

    kinds: dict[str, set[type]] = {name: set() for name in wanted}
    for row in rows:
        for name, value in row.items():
            kinds.setdefault(name, set()).update(() if value is None else (type(value),))
    return pyarrow.schema([_field(name, found) for name, found in kinds.items()])


def _field(name: str, found: set[type]) -> Any:
    import pyarrow

    types = {
        frozenset({bool}): pyarrow.bool_(),
        frozenset({int}): pyarrow.int64(),
        frozenset({float}): pyarrow.float64(),
        frozenset({int, float}): pyarrow.float64(),
        frozenset({str}): pyarrow.string(),
    }
    known = types.get(frozenset(found))
    if known is None:
        return pyarrow.field(name, pyarrow.string(), metadata=AS_JSON)
    return pyarrow.field(name, known)


class TypedRows:
    """Rows that are gathered until they are taken as a chunk.

    Args:
        schema: of the columns to keep.
        names: of a row's values, in their order.
        text_columns: which of them hold texts.
    """

    def __init__(self, schema: Any, names: Sequence[str], text_columns: Sequence[str]) -> None:
        self._schema = schema
        self._kept = [(names.index(field.name), field) for field in schema]
        self._texts = [names.index(name) for name in text_columns]
        self._clear()

    def __len__(self) -> int:
        return len(self._problems)

    def add(self, row: Row) -> None:
        """Add a row; one that is refused has neither texts nor kept values."""
        values = [None if value is MISSING else value for value in row.values]
        problem = None if row.problem is None else str(row.problem)
        kept: list[Any] = [None] * len(self._kept)
        for at, (place, field) in enumerate(self._kept if values else ()):
            kept[at], found = _fitted(field, values[place])
            problem = problem or found
        self._columns.append(kept)
        self._rows.append(tuple(values[at] if values else None for at in self._texts))
        self._problems.append(problem)
        self._places.append(row.place)

    def taken(self) -> Chunk:
        """The rows so far; none are left."""
        import pyarrow

        columns = zip(*self._columns, strict=True) if self._kept else ()
        arrays = [
            pyarrow.array(values, field.type)
            for values, (_, field) in zip(columns, self._kept, strict=True)
        ]
        kept = pyarrow.table(arrays, schema=self._schema)
        chunk = Chunk(kept, self._rows, self._problems, self._places)
        self._clear()
        return chunk

    def _clear(self) -> None:
        self._columns: list[list[Any]] = []
        self._rows: list[tuple[Any, ...]] = []
        self._problems: list[str | None] = []
        self._places: list[str] = []


def _fitted(field: Any, value: Any) -> tuple[Any, str | None]:
    """A value as its column has it; or None, and why it does not fit."""
    if value is None:
        return None, None
    if field.metadata == AS_JSON:
        value = json.dumps(value, ensure_ascii=False)
    if not _fits(str(field.type), value):
        return None, f"{field.name} is {shown(value)}, expected {field.type} as in the first rows"
    return value, None


def _fits(type_: str, value: Any) -> bool:
    match type_:
        case "string":
            return isinstance(value, str) and _is_text(value)
        case "bool":
            return isinstance(value, bool)
        case "int64":
            return type(value) is int and -(2**63) <= value < 2**63
        case _:
            return type(value) is float or (type(value) is int and abs(value) <= EXACT)


def _is_text(value: str) -> bool:
    """Whether UTF-8 has it, which has no halves of pairs."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
