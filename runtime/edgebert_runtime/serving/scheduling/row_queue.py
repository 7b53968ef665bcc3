"""Which rows run next: fair between requests, and of about one length.

Every job with waiting rows gets an equal share of the tokens that are run, as fair queueing shares
a line between flows (Demers, Keshav and Shenker 1989). Virtual time passes by the tokens that run,
divided by the jobs that wait; the job whose next row is due first is served first. So a job that
comes waits for a row or two of every other, however many rows they have.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import ceil
from typing import Any, Final

from edgebert_runtime.serving.scheduling.job import Job, Row
from edgebert_runtime.serving.scheduling.length_index import (
    BatchLimits,
    LengthIndex,
    Reach,
    tokens_of,
)

WINDOW_ROWS: Final = 256
"""Waiting rows among which neighbours in length are looked for, an equal part from each job."""

FEWEST_PARTS: Final = 4
"""Requests that can share a micro-batch, if all were there: who comes meanwhile waits for it."""


@dataclass(frozen=True)
class Batch:
    """Rows that run together.

    Attributes:
        rows: at least one; their jobs have equal options.
        options: of the task's method.
    """

    rows: list[Row]
    options: Any


class RowQueue:
    """Rows that wait; for one thread at a time.

    Attributes:
        rows: how many wait.
    """

    def __init__(self, *, batch_tokens: int, max_padding: float) -> None:
        """Start empty.

        Args:
            batch_tokens: of a micro-batch, padding included; one row is taken anyway.
            max_padding: share of them, 0 to 1.
        """
        self.rows = 0
        self._batch_tokens, self._max_padding = batch_tokens, max_padding
        self._indexes: dict[Hashable, LengthIndex] = {}
        self._due: list[tuple[float, int, Job]] = []
        self._arrivals = count()
        self._jobs: dict[Job, int] = {}
        self._tokens = 0
        self._now = 0.0

    def add(self, job: Job, rows: Iterable[Row]) -> None:
        """Queue rows of a job, the next in order."""
        index = self._indexes.get(job.key)
        if index is None:
            index = self._indexes[job.key] = LengthIndex()
        for row in rows:
            index.add(row)
            self.rows += 1
            self._tokens += row.length
        if job not in self._jobs and job.first_waiting():
            self._jobs[job] = next(self._arrivals)
            job.due = max(job.due, self._now)
            self._wait(job)

    def take(self, workers: int, *, lone: bool = False) -> Batch | None:
        """The rows that run next, which leave the queue; None if nothing waits.

        Args:
            workers: how many would take rows now, this one among them; each gets an equal share.
            lone: whether nobody else is likely to come while they run.
        """
        job = self._next_job()
        if job is None:
            return None
        head = job.first_waiting()
        assert head is not None
        share = max(head.length, min(self._batch_tokens, ceil(self._tokens / workers)))
        index = self._indexes[job.key]
        part = self._batch_tokens / (
            len(self._jobs) if lone else max(len(self._jobs), FEWEST_PARTS)
        )
        self._now = max(self._now, job.due)
        reach = Reach(max(1, WINDOW_ROWS // len(self._jobs)), self._now + part)
        rows = index.gather(head, BatchLimits(share, self._max_padding, part), reach)
        self._now += tokens_of(rows) / len(self._jobs)
        self._take(index, rows)
        return Batch(rows, job.options)

    def drop(self, job: Job) -> None:
        """Forget the waiting rows of a job."""
        if self._jobs.pop(job, None) is None:
            return
        left = [row for row in job.waiting if not row.taken]
        self.rows -= len(left)
        self._tokens -= tokens_of(left)
        index = self._indexes[job.key]
        index.drop(job)
        job.waiting.clear()
        self._tidy(job.key, index)

    def _take(self, index: LengthIndex, rows: list[Row]) -> None:
        jobs: dict[Job, None] = {}
        for row in rows:
            index.remove(row)
            job = row.part.job
            row.taken = True
            job.taken += 1
            job.due += row.length
            jobs[job] = None
        self.rows -= len(rows)
        self._tokens -= tokens_of(rows)
        for job in jobs:
            if job.first_waiting():
                self._wait(job)
            else:
                del self._jobs[job]
        self._tidy(rows[0].part.job.key, index)

    def _tidy(self, key: Hashable, index: LengthIndex) -> None:
        if not index:
            del self._indexes[key]

    def _wait(self, job: Job) -> None:
        heappush(self._due, (job.due, self._jobs[job], job))

    def _next_job(self) -> Job | None:
        """The job that is due first; entries of the heap that a later one replaced are skipped."""
        while self._due:
            due, arrival, job = self._due[0]
            if self._jobs.get(job) == arrival and job.due == due:
                return job
            heappop(self._due)
        return None
