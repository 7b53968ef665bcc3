"""Rows that wait, by length, so that those of about one length run together."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edgebert_runtime.serving.scheduling.job import Job, Row


class BatchLimits:
    """What a micro-batch may hold.

    Args:
        tokens: padding included; one row is taken anyway.
        max_padding: share of them, 0 to 1.
        job_tokens: of rows of one job; one row of each may be taken anyway.
    """

    def __init__(self, tokens: int, max_padding: float, job_tokens: float) -> None:
        self._tokens, self._max_padding, self._job_tokens = tokens, max_padding, job_tokens

    def fits(self, rows: int, longest: int, tokens: int) -> bool:
        """Whether so many rows, of so many tokens together, may share a micro-batch."""
        padded = rows * longest
        return padded <= self._tokens and padded - tokens <= self._max_padding * padded

    def fits_job(self, taken: int, length: int) -> bool:
        """Whether a job may add a row to its rows, which have so many tokens together."""
        return taken == 0 or taken + length <= self._job_tokens


class Reach(NamedTuple):
    """Where rows are looked for that run beside the next one.

    Attributes:
        rows: how far into the rows of each job.
        due: virtual time; a job that is due later has had its share for now.
    """

    rows: int
    due: float


class LengthIndex:
    """The waiting rows of one option set."""

    def __init__(self) -> None:
        self._lengths: list[int] = []
        self._rows: dict[int, dict[Job, deque[Row]]] = {}

    def __bool__(self) -> bool:
        return bool(self._lengths)

    def add(self, row: Row) -> None:
        """Put a row in; rows of a job come in their order."""
        jobs = self._rows.get(row.length)
        if jobs is None:
            jobs = self._rows[row.length] = {}
            insort(self._lengths, row.length)
        job = row.part.job
        if job in jobs:
            jobs[job].append(row)
        else:
            jobs[job] = deque((row,))

    def remove(self, row: Row) -> None:
        """Take a row out, nearly always the first of its job and length."""
        jobs = self._rows[row.length]
        rows = jobs[row.part.job]
        rows.remove(row)
        if not rows:
            self._forget(row.length, row.part.job)

    def drop(self, job: Job) -> None:
        """Take all rows of a job out."""
        for length in [each for each in self._lengths if job in self._rows[each]]:
            self._forget(length, job)

    def gather(self, head: Row, limits: BatchLimits, reach: Reach) -> list[Row]:
        """A micro-batch: a row that waits here, and others, nearest lengths first.

        Args:
            head: it is taken in any case.
            limits: of the micro-batch.
            reach: where others are looked for.
        """
        batch, tokens, longest = [head], head.length, head.length
        spent = {head.part.job: head.length}
        above = bisect_left(self._lengths, head.length)
        below = above - 1
        while below >= 0 or above < len(self._lengths):
            up = self._is_nearer_above(head.length, below, above)
            length = self._lengths[above if up else below]
            for job, row in self._reachable(length, reach):
                if row is head or not limits.fits_job(spent.get(job, 0), length):
                    continue
                if not limits.fits(len(batch) + 1, max(longest, length), tokens + length):
                    break
                batch.append(row)
                spent[job] = spent.get(job, 0) + length
                tokens += length
                longest = max(longest, length)
            if limits.fits(len(batch) + 1, max(longest, length), tokens + length):
                above, below = (above + 1, below) if up else (above, below - 1)
            elif up:
                above = len(self._lengths)  # longer ones fit even less
            else:
                below = -1
        return batch

    def _is_nearer_above(self, length: int, below: int, above: int) -> bool:
        lengths = self._lengths
        if below < 0 or above == len(lengths):
            return below < 0
        return lengths[above] - length <= length - lengths[below]

    def _reachable(self, length: int, reach: Reach) -> Iterator[tuple[Job, Row]]:
        for job, rows in self._rows[length].items():
            if job.due > reach.due:
                continue
            for row in rows:
                if row.number >= job.taken + reach.rows:
                    break
                yield job, row

    def _forget(self, length: int, job: Job) -> None:
        jobs = self._rows[length]
        del jobs[job]
        if not jobs:
            del self._rows[length]
            del self._lengths[bisect_left(self._lengths, length)]


def tokens_of(rows: Sequence[Row]) -> int:
    """Tokens of rows, without padding."""
    return sum(row.length for row in rows)
