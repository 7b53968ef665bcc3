"""Threads that take rows from the queue, run them, and hand out answers."""

from collections.abc import Callable, Sequence
from threading import Condition, Thread
from time import monotonic
from typing import Any, Final

from edgebert_runtime.engine.concurrency import ConcurrencyTracker
from edgebert_runtime.engine.session import Session
from edgebert_runtime.inference.batch_runner import FEW
from edgebert_runtime.serving.scheduling.admission import Admission, Speed
from edgebert_runtime.serving.scheduling.batch_run import Result, decode_parts, run_rows
from edgebert_runtime.serving.scheduling.job import Job, Numbered, Part
from edgebert_runtime.serving.scheduling.length_index import tokens_of
from edgebert_runtime.serving.scheduling.row_queue import Batch, RowQueue
from edgebert_runtime.serving.scheduling.statistics import ROWS, SECONDS, Histogram, Tally
from edgebert_runtime.tasks.base import TaskModel

Submission = tuple[Job, Sequence[Numbered], bool]
"""Further items of a job, and whether it has no more."""

Deliver = Callable[[Sequence[Job]], None]
"""Told by a worker which jobs are over."""

WARM_UP: Final = (1, 32)
"""Rows and tokens of the runs that the pool begins with."""

WARM_UP_RUNS: Final = 5

TICK: Final = 1e-6
"""Seconds that a run takes at least, by any clock."""


class WorkerPool:
    """A few threads of one model, each with a session of one thread.

    Attributes:
        tokens, padded_tokens: that were run.
    """

    def __init__(
        self,
        model: TaskModel[Any],
        queue: RowQueue,
        admission: Admission,
        deliver: Deliver,
        *,
        workers: int,
        session: Session,
        callers: ConcurrencyTracker,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare threads; `start` starts them.

        Args:
            model: whose graph runs.
            queue: of rows.
            admission: told how fast rows run, and which have run.
            deliver: told which jobs are over, from any thread.
            workers: how many threads.
            session: what they run; of one thread each where there are several.
            callers: who is served; a lone caller's few rows run on all threads.
            clock: the time in seconds.
        """
        self.tokens = self.padded_tokens = 0
        self._model, self._queue, self._admission, self._deliver = model, queue, admission, deliver
        self._session, self._callers, self._clock = session, callers, clock
        self._changed = Condition()
        self._moved, self._idle, self._stopped = clock(), workers, False
        self._waits, self._batch_rows = Tally(SECONDS), Tally(ROWS)
        self._running = 0
        self._threads = [
            Thread(target=self._work, name=f"edgebert-rows-{number}", daemon=True)
            for number in range(workers)
        ]

    def start(self) -> None:
        """Run the model once on every session, and start the threads.

        Raises:
            EngineError: the engine cannot run the model.
        """
        self._model.warm_up()
        self._measure()
        for thread in self._threads:
            thread.start()

    def submit(self, submissions: Sequence[Submission]) -> None:
        """Queue items of jobs; the rows of none are an iterator. Jobs that are over stay so."""
        over: list[Job] = []
        with self._changed:
            if not self._queue.rows and not self._running:
                self._moved = self._clock()
            before = self._queue.rows
            for job, items, last in submissions:
                if job.over:
                    continue
                self._queue.add(job, job.add(items))
                job.complete = last
                if last and job.left == 0:
                    job.over = True
                    over.append(job)
            if self._idle:
                self._changed.notify(self._queue.rows - before)
        if over:
            self._deliver(over)

    def fail(self, job: Job, error: Exception) -> None:
        """End a job that cannot be run."""
        with self._changed:
            self._fail(job, error)
        self._deliver([job])

    def drop(self, job: Job) -> None:
        """Forget a job that nobody waits for; rows that run are run to their end."""
        with self._changed:
            job.over = True
            self._queue.drop(job)

    def stop(self) -> None:
        """End the threads after the rows that run; what waits is never run."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def standing_still(self) -> float:
        """Seconds since a micro-batch began or ended while there is work; 0 without work."""
        with self._changed:
            busy = self._queue.rows or self._running
            return self._clock() - self._moved if busy else 0.0

    def histograms(self) -> tuple[Histogram, Histogram]:
        """Waits of jobs for their first row in seconds, and rows of micro-batches."""
        with self._changed:
            return self._waits.histogram(), self._batch_rows.histogram()

    def _measure(self) -> None:
        """Begin with the speed of the fastest of a few runs; the first does what is done once."""
        rows, tokens = WARM_UP
        seconds = []
        for _ in range(WARM_UP_RUNS):
            begun = self._clock()
            self._model.warm_up([WARM_UP], session=self._session)
            seconds.append(max(self._clock() - begun, TICK))
        self._admission.speed = Speed(rows * tokens * len(self._threads), min(seconds))

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            begun, session = self._clock(), self._choose(batch)
            results = run_rows(self._model, batch, session)
            ended, over = self._end(batch, results)
            answers = decode_parts(self._model, ended, batch.options)
            over += self._answer(ended, answers)
            seconds = self._clock() - begun if session is self._session else None
            self._count(batch, seconds)
            if over:
                self._deliver(over)

    def _take(self) -> Batch | None:
        """The next rows, as soon as there are some; None at the end."""
        with self._changed:
            while (batch := self._queue.take(self._idle)) is None and not self._stopped:
                self._changed.wait()
            if batch is None or self._stopped:
                return None
            self._idle -= 1
            self._running += 1
            self._moved = self._clock()
            self._batch_rows.add(len(batch.rows))
            for row in batch.rows:
                if row.number == 0:
                    self._waits.add(self._moved - row.part.job.arrived)
            return batch

    def _choose(self, batch: Batch) -> Session:
        """All threads for few rows of a lone caller: they wait for each other at every operator."""
        lone = len(batch.rows) <= FEW and self._callers.alone and not self._queue.rows
        return self._model.session if lone else self._session

    def _end(self, batch: Batch, results: Sequence[Result]) -> tuple[list[Part], list[Job]]:
        """Keep what rows gave; items whose rows have all run, and jobs that failed."""
        ended: list[Part] = []
        failed: list[Job] = []
        with self._changed:
            for row, result in zip(batch.rows, results, strict=True):
                part = row.part
                if part.job.over:
                    continue
                if isinstance(result, Exception):
                    self._fail(part.job, result)
                    failed.append(part.job)
                    continue
                part.ran[row.place] = (row.encoded, result)
                part.left -= 1
                if part.left == 0:
                    ended.append(part)
        return ended, failed

    def _answer(self, parts: Sequence[Part], answers: Sequence[Any]) -> list[Job]:
        """Keep answers of items; the jobs that this ends."""
        over: list[Job] = []
        with self._changed:
            for part, answer in zip(parts, answers, strict=True):
                job = part.job
                if job.over:
                    continue
                if isinstance(answer, Exception):
                    self._fail(job, answer)
                    over.append(job)
                    continue
                job.answers[part.number], part.ran = answer, []
                job.left -= 1
                if job.complete and job.left == 0:
                    job.over = True
                    over.append(job)
        return over

    def _fail(self, job: Job, error: Exception) -> None:
        job.error, job.over = error, True
        self._queue.drop(job)

    def _count(self, batch: Batch, seconds: float | None) -> None:
        """Note that a micro-batch is done, in so many seconds of a thread; None of all of them."""
        tokens = tokens_of(batch.rows)
        for row in batch.rows:
            self._admission.ran(row.part.job.share, row.length)
        with self._changed:
            self._idle += 1
            self._running -= 1
            self._moved = self._clock()
            self.tokens += tokens
            self.padded_tokens += max(row.length for row in batch.rows) * len(batch.rows)
            if seconds is not None:
                self._admission.speed.add(tokens * len(self._threads), seconds)
