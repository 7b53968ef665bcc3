"""One model as a service: requests of many clients, answered by a few threads."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, get_args

from edgebert_runtime.engine.concurrency import ConcurrencyTracker
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import OverloadedError, ServiceClosedError
from edgebert_runtime.serving.scheduling.admission import Admission, Share
from edgebert_runtime.serving.scheduling.intake import Intake
from edgebert_runtime.serving.scheduling.job import Job
from edgebert_runtime.serving.scheduling.row_queue import RowQueue
from edgebert_runtime.serving.scheduling.statistics import SECONDS, Outcome, Statistics, Tally
from edgebert_runtime.serving.scheduling.window_stream import WindowStream
from edgebert_runtime.serving.scheduling.workers import WorkerPool
from edgebert_runtime.tasks.base import RowOutputs, TaskModel
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tokenization.encoding import EncodedItem, EncodedText

MAX_WAIT_SECONDS: Final = 2.0
"""Longest that a request may wait for others, where the caller says nothing."""

CPU: Final = "cpu"


@dataclass(frozen=True)
class Answered:
    """What a request's items became.

    Attributes:
        answers: one an item, as `TaskModel.decode` gives them: vectors as arrays of one axis.
        tokens: of all rows, special tokens included, padding not.
    """

    answers: Sequence[Any]
    tokens: int


class ModelService:
    """Answers requests of many clients with one model.

    The model stays the caller's, who closes it after the service. All methods but `statistics` and
    `standing_still` are for the thread of the event loop.

    Attributes:
        name: what clients call the model.
        model: as given.
    """

    def __init__(
        self,
        name: str,
        model: TaskModel[Any],
        *,
        max_wait: float = MAX_WAIT_SECONDS,
        workers: int | None = None,
    ) -> None:
        """Prepare to answer.

        Args:
            name: what clients call the model.
            model: an open one.
            max_wait: seconds that a request may wait for others; longer is an `OverloadedError`.
            workers: threads that run rows; None is one a core, and one alone where the graph does
                not run on the CPU.
        """
        self.name, self.model = name, model
        info, threaded = model.info(), model.session.provider == CPU
        count = (workers or usable_cores()) if threaded and not model.session.shared else 1
        self._usual = model.OPTIONS()
        self._callers = ConcurrencyTracker()
        self._queue = RowQueue(batch_tokens=info.micro_batch_tokens, max_padding=info.max_padding)
        self._admission = Admission(max_wait, model.max_length)
        self._pool = WorkerPool(
            model,
            self._queue,
            self._admission,
            self._deliver,
            workers=count,
            session=model.single_thread_session if count > 1 else model.session,
            callers=self._callers,
        )
        self._workers = count
        self._jobs: dict[Job, asyncio.Future[None]] = {}
        self._requests: dict[Outcome, int] = dict.fromkeys(get_args(Outcome), 0)
        self._seconds, self._items, self._in_flight = Tally(SECONDS), 0, 0
        self._closed = False

    async def start(self) -> None:
        """Run the model once, so that the first request waits for nothing that is done once.

        Raises:
            EngineError: the engine cannot run the model.
        """
        self._loop, self._empty = asyncio.get_running_loop(), asyncio.Event()
        self._threads = ThreadPoolExecutor(self._workers, f"edgebert-{self.name}")
        await self._loop.run_in_executor(self._threads, self._pool.start)
        self._intake = Intake(self.model, self._pool, self._admission, self._threads, self._loop)

    async def answer(self, items: Sequence[Any], options: TaskOptions | None = None) -> Answered:
        """Answer the items of one request; rows of who is cancelled are dropped.

        Args:
            items: texts, or pairs of them, as the task takes them.
            options: arguments of the task's method; None for the usual.

        Raises:
            InputError, ConfigError: an item or an option that cannot be run.
            OverloadedError: the request would wait longer than it may.
            ServiceClosedError: the service closes.
            EngineError: the engine failed on a row of this request.
        """
        job = Job(self._usual if options is None else options, self._admit(items))
        caller = self._callers.begin()
        outcome: Outcome = "failed"
        self._in_flight += 1
        try:
            self.model.check_options(job.options)
            answered = await self._answered(job, items) if items else Answered([], 0)
            outcome = "answered"
            self._items += len(items)
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._callers.end(caller)
            self._leave(job)
            self._admission.leave(job.share)
            self._requests[outcome] += 1
            self._seconds.add(monotonic() - job.arrived)
            self._in_flight -= 1
            if not self._in_flight:
                self._empty.set()
        return answered

    def standing_still(self) -> float:
        """Seconds since a micro-batch began or ended while there is work; 0 without work."""
        return self._pool.standing_still()

    def statistics(self) -> Statistics:
        """What was done so far."""
        waits, rows = self._pool.histograms()
        return Statistics(
            requests=dict(self._requests),
            items=self._items,
            tokens=self._pool.tokens,
            padded_tokens=self._pool.padded_tokens,
            waiting_rows=self._queue.rows,
            in_flight=self._in_flight,
            wait_seconds=waits,
            request_seconds=self._seconds.histogram(),
            batch_rows=rows,
        )

    async def close(self, drain_seconds: float) -> None:
        """Take no more requests, end those that are under way, and end the threads.

        Args:
            drain_seconds: how long they may take; what is not answered by then is a
                `ServiceClosedError` to who waits for it.
        """
        self._closed = True
        if self._in_flight:
            self._empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), drain_seconds)
        for job in list(self._jobs):
            self._pool.drop(job)
            job.error = self._closing()
            self._resolve([job])
        await self._loop.run_in_executor(self._threads, self._pool.stop)
        self._threads.shutdown(wait=False)

    def _admit(self, items: Sequence[Any]) -> Share:
        if self._closed:
            raise self._closing()
        try:
            return self._admission.enter(items)
        except OverloadedError:
            self._requests["refused"] += 1
            raise

    async def _answered(self, job: Job, items: Sequence[Any]) -> Answered:
        """Answers by one job, and further ones for items whose windows are made while they run."""
        ended = self._expect(job)
        await self._intake.put(job, items)
        await ended
        if job.error:
            raise job.error
        tokens = job.tokens
        for number, item in job.streamed:
            job.answers[number], more = await self._answer_streamed(number, item, job)
            tokens += more
        return Answered([job.answers[number] for number in range(len(items))], tokens)

    async def _answer_streamed(self, number: int, item: EncodedItem, of: Job) -> tuple[Any, int]:
        """The answer to an item of which few windows are held at a time, and their tokens."""

        async def run(rows: Sequence[EncodedText]) -> list[RowOutputs]:
            job = Job(of.options, of.share, decodes=False)
            ended = self._expect(job)
            try:
                self._pool.submit([(job, [(number, EncodedItem(None, rows))], True)])
                await ended
            finally:
                self._leave(job)
            if job.error:
                raise job.error
            found: list[RowOutputs] = job.answers[number]
            return found

        stream = WindowStream(item.rows, self.model.WINDOWS_AT_ONCE, run, self._loop)
        try:
            (answer,) = await asyncio.to_thread(self.model.decode, [item], [stream], of.options)
        finally:
            stream.stop()
        return answer, stream.tokens

    def _expect(self, job: Job) -> asyncio.Future[None]:
        """What ends when the job does."""
        ended = self._jobs[job] = self._loop.create_future()
        return ended

    def _leave(self, job: Job) -> None:
        """Wait for a job no more; one that is not over is dropped."""
        self._jobs.pop(job, None)
        if not job.over:
            self._pool.drop(job)

    def _deliver(self, jobs: Sequence[Job]) -> None:
        """Of any thread: tell who waits for jobs that they are over."""
        with suppress(RuntimeError):  # the loop has ended, and so has everyone who waits
            self._loop.call_soon_threadsafe(self._resolve, jobs)

    def _resolve(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            ended = self._jobs.get(job)
            if ended is not None and not ended.done():
                ended.set_result(None)

    def _closing(self) -> ServiceClosedError:
        return ServiceClosedError(f"{self.name} closes; ask another server")
