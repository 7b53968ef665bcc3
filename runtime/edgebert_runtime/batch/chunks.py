"""What every kind of source gives: how to cut it into units, and their rows."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

from edgebert_runtime.batch.job import Unit
from edgebert_runtime.batch.settings import JobSettings

CHUNK_ROWS: Final = 8192
"""Rows that are answered and written together: enough for a row group, few enough to hold."""


class Chunk(NamedTuple):
    """Some rows of a unit.

    Attributes:
        kept: an Arrow table of their kept columns.
        texts: of each row the values of its text columns.
        problems: why a row could not be read; None of a good one.
        places: where a row is, for errors.
    """

    kept: Any
    texts: list[tuple[Any, ...]]
    problems: list[str | None]
    places: list[str]


class Inspected(NamedTuple):
    """What planning finds in a source.

    Attributes:
        cuts: as `Source.cuts` has them.
        schema: Arrow's, of all its columns.
        rows: how many; None where that takes reading them.
    """

    cuts: tuple[int, ...]
    schema: Any
    rows: int | None


class Format(Protocol):
    """A kind of file."""

    def inspect(self, path: str, size: int, settings: JobSettings) -> Inspected:
        """What planning must know; reads as little as it can.

        Raises:
            InputError: it is no such file.
        """
        ...

    def read(self, unit: Unit, schema: Any, settings: JobSettings) -> Iterator[Chunk]:
        """The rows of a unit.

        Args:
            unit: of a source of this kind.
            schema: of the columns to keep.
            settings: of the job.

        Raises:
            InputError: it cannot be read.
        """
        ...
