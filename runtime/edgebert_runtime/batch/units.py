"""The rows of a unit, read by the kind of its source."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from edgebert_runtime.batch.chunks import Chunk, Format
from edgebert_runtime.batch.csv_format import CsvFormat
from edgebert_runtime.batch.job import Job, Unit
from edgebert_runtime.batch.json_lines_format import JsonLinesFormat
from edgebert_runtime.batch.kept import kept_schema
from edgebert_runtime.batch.parquet_format import ParquetFormat
from edgebert_runtime.errors import InputError

FORMATS: Final[Mapping[str, Callable[[], Format]]] = MappingProxyType(
    {".parquet": ParquetFormat, ".jsonl": JsonLinesFormat, ".csv": CsvFormat}
)
"""Ending → what reads such files."""


def format_of(kind: str) -> Format:
    """What reads sources of an ending.

    Raises:
        InputError: nothing does.
    """
    if kind not in FORMATS:
        raise InputError(f"sources end in {kind!r}, expected one of {', '.join(FORMATS)}")
    return FORMATS[kind]()


def read_unit(job: Job, unit: Unit) -> Iterator[Chunk]:
    """The rows of a unit, in their order.

    Raises:
        InputError: the source cannot be read.
    """
    return format_of(job.record.kind).read(unit, kept_schema(job.record.kept), job.settings)
