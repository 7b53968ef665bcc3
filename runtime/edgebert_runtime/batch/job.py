"""A job: what was asked for, its plan, and which of its units have a shard.

The plan is written once, to `_edgebert/job.json` in the folder of the answers. A unit is a part of
a source, and has one shard there, whose name has the unit's number. That a shard is there is all
that says a unit is done.
"""

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Any, Final, NamedTuple

from edgebert_runtime.batch.folder import Folder, open_folder
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.errors import OutputError
from edgebert_runtime.inference.reports import to_plain
from edgebert_runtime.storage.json_reader import parse_json
from edgebert_runtime.storage.json_values import Integer, read_structure

FORMAT: Final = 1
RECORDS: Final = "_edgebert"
JOB_FILE: Final = f"{RECORDS}/job.json"
FAILED: Final = f"{RECORDS}/failed"
SUCCESS: Final = "_SUCCESS"
LARGEST: Final = 2**63 - 1
DIGITS: Final = 12
"""Of the fingerprint in the name of a shard."""

Size = Annotated[int, Integer(0, LARGEST)]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file of rows, as it was when the job was planned.

    Attributes:
        path: absolute, or a URL.
        size: in bytes.
        stamp: what changes with its content: the time, or the store's tag.
        cuts: where units begin, and the end of the last: rows of Parquet, bytes of other files.
    """

    path: str
    size: Size
    stamp: str
    cuts: tuple[Size, ...] = ()

    @property
    def units(self) -> int:
        """How many units it has."""
        return max(len(self.cuts) - 1, 0)


class Unit(NamedTuple):
    """A part of a source: what one shard answers.

    Attributes:
        number: from 0, in the order of sources and of their rows.
        source: the file.
        start: first row, or first byte.
        stop: the one after the last.
    """

    number: int
    source: Source
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """What `job.json` holds.

    Attributes:
        format: of this record.
        bundle: whose model answers, as the command named it.
        variant: what `settings.variant` was on the machine that planned.
        settings: what was asked for.
        kind: of the sources, an ending.
        kept: the Arrow schema of kept columns, serialised, in base64.
        sources: the files.
        rows: in all; None where nobody knows before they are read.
    """

    format: Annotated[int, Integer(FORMAT, FORMAT)]
    bundle: str
    variant: str
    settings: JobSettings
    kind: str
    kept: str
    sources: tuple[Source, ...]
    rows: Annotated[int | None, Integer(0, LARGEST)] = None


@dataclass(frozen=True)
class Job:
    """A planned job; it can be pickled, and sent to workers.

    Attributes:
        out: folder or URL of the answers.
        record: the plan.
    """

    out: str
    record: JobRecord

    @classmethod
    def open(cls, out: str, bundle: str | None = None) -> "Job":
        """The job of a folder.

        Args:
            out: the folder, or its URL.
            bundle: where the bundle is on this machine; None is where the job says.

        Raises:
            OutputError: there is no job, or its record cannot be read.
        """
        folder = open_folder(out)
        content = folder.read(JOB_FILE)
        if content is None:
            raise OutputError(f"{folder.place} has no {JOB_FILE}; it is no folder of a batch job")

        def refusal(problem: str) -> OutputError:
            return OutputError(f"{folder.place}/{JOB_FILE} {problem}; choose another folder")

        record = read_structure(JobRecord, parse_json(content, refusal), refusal)
        return cls(out, record if bundle is None else replace(record, bundle=bundle))

    @property
    def settings(self) -> JobSettings:
        """What was asked for."""
        return self.record.settings

    @property
    def folder(self) -> Folder:
        """Where its files are."""
        return open_folder(self.out)

    @cached_property
    def fingerprint(self) -> str:
        """Tells the job from others; says nothing of where bundle and answers are."""
        return fingerprint_of(self.settings, self.record.sources)

    @cached_property
    def units(self) -> int:
        """How many units there are."""
        return self._ends[-1] if self._ends else 0

    def unit(self, number: int) -> Unit:
        """A unit by its number."""
        at = bisect_right(self._ends, number)
        source = self.record.sources[at]
        inside = number - (self._ends[at] - source.units)
        return Unit(number, source, source.cuts[inside], source.cuts[inside + 1])

    def shard_name(self, number: int) -> str:
        """The name of a unit's shard."""
        return f"part-{number:06d}-{self.fingerprint}.parquet"

    def failed_name(self, number: int) -> str:
        """The name of the record of a unit that was given up."""
        return f"{FAILED}/{number:06d}.json"

    def done(self) -> set[int]:
        """Numbers of the units that have a shard."""
        shard = re.compile(rf"part-(\d{{6,}})-{self.fingerprint}\.parquet")
        matches = map(shard.fullmatch, self.folder.names())
        return {int(match[1]) for match in matches if match}

    def pending(self, numbers: Iterable[int] | None = None) -> list[int]:
        """Numbers of the units without a shard, in their order.

        Args:
            numbers: which to look at; None is all.
        """
        done = self.done()
        wanted = range(self.units) if numbers is None else numbers
        return [number for number in wanted if number not in done]

    def rows_of(self, numbers: Iterable[int]) -> int | None:
        """How many rows units have; None where nobody knows before they are read."""
        if self.record.rows is None:
            return None
        units = map(self.unit, numbers)
        return sum(unit.stop - unit.start for unit in units)

    @cached_property
    def _ends(self) -> list[int]:
        """For each source the number after that of its last unit."""
        return list(accumulate(source.units for source in self.record.sources))


def fingerprint_of(settings: JobSettings, sources: Iterable[Source]) -> str:
    """A hash of what the shards of a job depend on; their plan follows from it."""
    files = [(source.path, source.size, source.stamp) for source in sources]
    return hashlib.sha256(to_json([FORMAT, settings, files])).hexdigest()[:DIGITS]


def to_json(value: Any) -> bytes:
    """A record as a file has it, the same bytes for the same values."""
    return json.dumps(to_plain(value), sort_keys=True, ensure_ascii=False).encode()
