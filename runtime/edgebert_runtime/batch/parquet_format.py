"""Sources of Parquet: units are rows, cut where row groups end as far as their sizes allow."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from edgebert_runtime.batch.chunks import CHUNK_ROWS, Chunk, Inspected
from edgebert_runtime.batch.job import Unit
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.batch.sources import opened
from edgebert_runtime.errors import InputError


class ParquetFormat:
    """Parquet, by pyarrow."""

    def inspect(self, path: str, size: int, settings: JobSettings) -> Inspected:
        """The end of the file says all of it."""
        import pyarrow

        del size
        with _table(path) as table:
            groups = [table.metadata.row_group(at).num_rows for at in range(table.num_row_groups)]
            _require_text(path, table.schema_arrow, settings.text_columns)
            cuts = row_cuts(groups, settings.shard_rows)
            columns = [field.remove_metadata() for field in table.schema_arrow]
            return Inspected(cuts, pyarrow.schema(columns), sum(groups))

    def read(self, unit: Unit, schema: Any, settings: JobSettings) -> Iterator[Chunk]:
        """The row groups that hold the unit's rows, decoded a chunk at a time."""
        path, names = unit.source.path, list(settings.text_columns)
        columns = list(dict.fromkeys([*schema.names, *names]))
        with _table(path) as table:
            groups = [table.metadata.row_group(at).num_rows for at in range(table.num_row_groups)]
            first, wanted = groups_of(groups, unit.start, unit.stop)
            at = unit.start
            batches = table.iter_batches(batch_size=CHUNK_ROWS, row_groups=wanted, columns=columns)
            for batch in _between(batches, unit.start - first, unit.stop - first):
                yield _chunk(batch, schema, names, f"{path}, row", at)
                at += batch.num_rows


def row_cuts(groups: Sequence[int], shard_rows: int) -> tuple[int, ...]:
    """Where units begin, and the end of the last: small row groups together, large ones in parts.

    Args:
        groups: rows of each row group.
        shard_rows: rows of a unit, at most but for row groups that are small.
    """
    cuts, end = [0], 0
    for rows in groups:
        if end - cuts[-1] + rows > shard_rows and end > cuts[-1]:
            cuts.append(end)
        parts = max(-(-rows // shard_rows), 1)
        cuts += [end + rows * part // parts for part in range(1, parts)]
        end += rows
    if end > cuts[-1]:
        cuts.append(end)
    return tuple(cuts)


def groups_of(groups: Sequence[int], start: int, stop: int) -> tuple[int, list[int]]:
    """The row groups that hold rows from `start` to `stop`, and the first row of the first."""
    ends, end = [], 0
    for rows in groups:
        end += rows
        ends.append(end)
    wanted = [
        at for at, (low, high) in enumerate(pairwise([0, *ends])) if low < stop and high > start
    ]
    return (0, *ends)[wanted[0]] if wanted else 0, wanted


def _between(batches: Iterable[Any], start: int, stop: int) -> Iterator[Any]:
    """The rows from `start` to `stop` of batches that follow each other."""
    at = 0
    for batch in batches:
        low, high = max(start - at, 0), min(stop - at, batch.num_rows)
        if low < high:
            yield batch.slice(low, high - low)
        at += batch.num_rows


def _chunk(batch: Any, schema: Any, names: Sequence[str], place: str, first: int) -> Chunk:
    import pyarrow

    kept = pyarrow.Table.from_batches([batch]).select(schema.names).cast(schema)
    texts = list(zip(*(batch.column(name).to_pylist() for name in names), strict=True))
    places = [f"{place} {first + at + 1}" for at in range(batch.num_rows)]
    return Chunk(kept, texts, [None] * batch.num_rows, places)


def _require_text(path: str, schema: Any, names: Sequence[str]) -> None:
    for name in names:
        if schema.names.count(name) != 1:
            raise InputError(
                f"{path} has the column {name!r} {schema.names.count(name)} times, it has "
                f"{', '.join(map(repr, schema.names))}; name one that is there once"
            )


@contextmanager
def _table(path: str) -> Iterator[Any]:
    from pyarrow import ArrowException, parquet

    try:
        with opened(path) as file, parquet.ParquetFile(file) as table:
            yield table
    except InputError:
        raise
    except (ArrowException, ValueError) as error:  # a ValueError is text that is not UTF-8
        raise InputError(
            f"{path} is not a Parquet file: {error}; write it again, or give it the right ending"
        ) from error
