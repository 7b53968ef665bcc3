"""Sources of JSON lines: units are ranges of bytes, which take the lines that begin in them."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from edgebert_runtime.batch.chunks import CHUNK_ROWS, Chunk, Inspected
from edgebert_runtime.batch.job import Unit
from edgebert_runtime.batch.settings import KEEP_ALL, JobSettings
from edgebert_runtime.batch.sources import opened
from edgebert_runtime.batch.typed_rows import TypedRows, schema_of_values
from edgebert_runtime.errors import InputError
from edgebert_runtime.io.columns import Columns, Row
from edgebert_runtime.io.text_rows import BYTE_ORDER_MARK, JsonRowReader, without_end

SAMPLE_BYTES: Final = 2**20
"""From the beginning of a source, by which its columns and the size of its lines are judged."""

LONGEST_LINE: Final = 64 * 2**20
"""In bytes; a longer one is a bad row, of which nothing is held."""

CHUNK_BYTES: Final = 64 * 2**20
"""Of lines that are answered together, about."""


class Line(NamedTuple):
    """A line of a file: where it begins, and its bytes, which are cut beyond `LONGEST_LINE`."""

    start: int
    content: bytes
    whole: bool


class JsonLinesFormat:
    """An object of JSON a line."""

    def inspect(self, path: str, size: int, settings: JobSettings) -> Inspected:
        """Its first lines say the columns, and how many bytes a unit of so many lines has."""
        with opened(path) as file:
            lines = list(lines_between(file, 0, min(size, SAMPLE_BYTES)))
        rows = [each for line in lines if (each := _object(path, line)) is not None]
        for name in settings.text_columns:
            if rows and not any(name in row for row in rows):
                raise InputError(
                    f"{path} has no column {name!r} in its first {len(rows)} rows, they have "
                    f"{', '.join(map(repr, dict.fromkeys(key for row in rows for key in row)))}; "
                    "name one that is there"
                )
        schema = schema_of_values(rows, _wanted(settings))
        return Inspected(byte_cuts(size, lines, settings.shard_rows), schema, None)

    def read(self, unit: Unit, schema: Any, settings: JobSettings) -> Iterator[Chunk]:
        """The rows of the lines that begin in the unit."""
        path, names = unit.source.path, settings.text_columns
        exact = settings.keep == KEEP_ALL
        optional = tuple(dict.fromkeys([*schema.names, *names]))
        reader = JsonRowReader(Columns(required=(), optional=optional, exact=exact))
        held, rows = 0, TypedRows(schema, optional, names)
        with opened(path) as file:
            for line in lines_between(file, unit.start, unit.stop):
                row = _row(path, line, reader)
                if row is None:
                    continue
                rows.add(row)
                held += len(line.content)
                if len(rows) >= CHUNK_ROWS or held >= CHUNK_BYTES:
                    yield rows.taken()
                    held = 0
        if len(rows):
            yield rows.taken()


def byte_cuts(size: int, sample: list[Line], shard_rows: int) -> tuple[int, ...]:
    """Where units begin, and the end of the last, by the mean length of the first lines."""
    if size == 0:
        return ()
    mean = max(sum(len(line.content) for line in sample) / max(len(sample), 1), 1.0)
    count = max(round(size / (mean * shard_rows)), 1)
    return tuple(size * at // count for at in range(count + 1))


def lines_between(file: BinaryIO, start: int, stop: int) -> Iterator[Line]:
    """The lines that begin from `start` to `stop`; the last may end beyond."""
    file.seek(max(start - 1, 0))
    at = 0 if start == 0 else start - 1 + _skip_line(file)
    while at < stop:
        content = file.readline(LONGEST_LINE)
        if not content:
            return
        whole = content.endswith(b"\n") or len(content) < LONGEST_LINE
        yield Line(at, content, whole)
        at += len(content) + (0 if whole else _skip_line(file))


def _skip_line(file: BinaryIO) -> int:
    """Read to the end of a line; returns how many bytes that were."""
    skipped = 0
    while content := file.readline(LONGEST_LINE):
        skipped += len(content)
        if content.endswith(b"\n"):
            break
    return skipped


def _row(path: str, line: Line, reader: JsonRowReader) -> Row | None:
    """The row of a line; None of a blank one."""
    place = f"{path}, byte {line.start:,}"
    if not line.whole:
        problem = f"{place} begins a line of more than {LONGEST_LINE:,} bytes; write shorter ones"
        return Row(place, (), InputError(problem))
    content = line.content.removeprefix(BYTE_ORDER_MARK) if line.start == 0 else line.content
    if not content.strip():
        return None
    try:
        text = without_end(content.decode())
    except UnicodeDecodeError as error:
        problem = f"{place} is not UTF-8: {error.reason} at byte {error.start} of the line"
        return Row(place, (), InputError(problem))
    return reader.read(place, text)


def _object(path: str, line: Line) -> dict[str, Any] | None:
    """The object of a line; None where it is none, which reading it will tell."""
    reader = JsonRowReader(Columns(required=()))
    row = _row(path, line, reader)
    if row is None or row.problem is not None:
        return None
    fields: dict[str, Any] = json.loads(line.content.removeprefix(BYTE_ORDER_MARK))
    return fields


def _wanted(settings: JobSettings) -> tuple[str, ...]:
    """Columns that a schema has whether the first rows have them or not."""
    return () if settings.keep == KEEP_ALL else settings.kept(())
