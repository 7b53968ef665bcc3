"""Shards: the kept columns of a unit's rows, their answers, and what is wrong with bad ones."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Final, NamedTuple, Self

from edgebert_runtime.batch.answering import Answered
from edgebert_runtime.batch.job import Job
from edgebert_runtime.batch.kept import ERROR, kept_schema
from edgebert_runtime.errors import OutputError
from edgebert_runtime.io.arrow import answer_arrays, open_parquet_writer, schema_of, table_of
from edgebert_runtime.tasks.spec import Columns

TALLY: Final = "edgebert.batch"
"""Key of a shard's metadata: its numbers, as JSON."""

READERS: Final = 8
"""Shards whose ends are read at once."""


class Tally(NamedTuple):
    """The numbers of a shard."""

    rows: int
    bad: int
    cut: int


class ShardWriter:
    """Writes one shard, a row group for each chunk.

    Args:
        file: where it writes.
        job: whose shard.
        number: of the unit.
        columns: of answers.

    Attributes:
        rows: that the shard has so far.
        bad: rows that could not be answered, whether the shard has them or not.
        cut: texts that were longer than the model takes.
    """

    def __init__(self, file: BinaryIO, job: Job, number: int, columns: Columns) -> None:
        import pyarrow

        kept, answers = kept_schema(job.record.kept), schema_of(columns)
        self._schema = pyarrow.schema([*kept, *answers, pyarrow.field(ERROR, pyarrow.string())])
        self._columns, self._number = columns, number
        self._fingerprint, self._skips = job.fingerprint, job.settings.on_bad == "skip"
        self._writer = open_parquet_writer(file, self._schema, columns)
        self.rows = self.bad = self.cut = 0

    def write(self, kept: Any, answered: Answered) -> None:
        """Write the rows of a chunk.

        Args:
            kept: a table of their kept columns.
            answered: what became of them.
        """
        import pyarrow

        arrays = answer_arrays(self._columns, answered.records)
        arrays |= {name: kept.column(name) for name in kept.column_names}
        arrays[ERROR] = pyarrow.array(answered.problems, pyarrow.string())
        table = table_of(arrays, self._schema)
        self.bad += sum(problem is not None for problem in answered.problems)
        self.cut += answered.cut
        if self._skips:
            table = table.filter(table.column(ERROR).is_null())
        self._writer.write_table(table)
        self.rows += table.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Write the numbers, and the end of the file."""
        if kind is None:
            tally = Tally(self.rows, self.bad, self.cut)
            described = {"fingerprint": self._fingerprint, "unit": self._number, **tally._asdict()}
            self._writer.add_key_value_metadata({TALLY: json.dumps(described)})
        self._writer.close()


def read_tallies(job: Job, numbers: Iterable[int]) -> list[Tally]:
    """The numbers of shards, of which only the ends are read.

    Args:
        job: whose shards.
        numbers: of their units.

    Raises:
        OutputError: a shard cannot be read.
    """
    folder = job.folder

    def tally(number: int) -> Tally:
        name = job.shard_name(number)
        try:
            with folder.opened(name) as file:
                return _read_tally(file)
        except (OSError, ValueError, KeyError) as error:  # Arrow's errors are among them
            raise OutputError(
                f"{folder.place}/{name} cannot be read: {error}; remove it, and the same command "
                "writes it again"
            ) from error

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(tally, sorted(numbers)))


def _read_tally(file: Any) -> Tally:
    from pyarrow import parquet

    described = json.loads(parquet.read_metadata(file).metadata[TALLY.encode()])
    return Tally(described["rows"], described["bad"], described["cut"])
