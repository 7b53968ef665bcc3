"""The rows of a unit, read by the kind of its source."""

from collections.abc import Iterator

from edgebert_runtime.batch.chunks import Chunk, Format
from edgebert_runtime.batch.job import Job, Unit
from edgebert_runtime.batch.kept import kept_schema
from edgebert_runtime.batch.parquet_format import ParquetFormat
from edgebert_runtime.errors import InputError


def format_of(kind: str) -> Format:
    """What reads sources of an ending.

    Raises:
        InputError: nothing does.
    """
    if kind == ".parquet":
        return ParquetFormat()
    raise InputError(f"sources end in {kind!r}, expected .parquet")


def read_unit(job: Job, unit: Unit) -> Iterator[Chunk]:
    """The rows of a unit, in their order.

    Raises:
        InputError: the source cannot be read.
    """
    return format_of(job.record.kind).read(unit, kept_schema(job.record.kept), job.settings)
