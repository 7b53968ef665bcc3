"""Requests to rows: short ones that come together are tokenized together, in the loop's thread."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Final, NamedTuple

from edgebert_runtime.inference.batching import chunks
from edgebert_runtime.serving.scheduling.admission import Admission, characters_of
from edgebert_runtime.serving.scheduling.job import Job, Numbered
from edgebert_runtime.serving.scheduling.workers import Submission, WorkerPool
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tokenization.fork_safety import one_thread

AT_ONCE_CHARACTERS: Final = 4_000
"""Characters from which a request is tokenized in another thread, not in the loop's."""

AT_ONCE_ITEMS: Final = 256
"""Items that are tokenized together: their rows run while the next are tokenized."""


class Arrival(NamedTuple):
    """A request that is short enough to be tokenized at once."""

    job: Job
    items: Sequence[Any]
    characters: int


class Intake:
    """Tokenizes requests and queues their rows; for the thread of the event loop.

    Args:
        model: whose tokenizer it is.
        pool: where rows are queued.
        admission: told how many characters a token has.
        threads: tokenize long requests.
        loop: the event loop.
    """

    def __init__(
        self,
        model: TaskModel[Any],
        pool: WorkerPool,
        admission: Admission,
        threads: Executor,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._model, self._pool, self._admission = model, pool, admission
        self._threads, self._loop = threads, loop
        self._arrived: list[Arrival] = []

    async def put(self, job: Job, items: Sequence[Any]) -> None:
        """Queue the rows of all items; those of streamed ones become `job.streamed`.

        Raises:
            InputError, ConfigError: one of many items cannot be run; of few, the job fails.
        """
        characters = sum(map(characters_of, items))
        if characters < AT_ONCE_CHARACTERS and len(items) <= AT_ONCE_ITEMS:
            self._arrived.append(Arrival(job, items, characters))
            if len(self._arrived) == 1:
                self._loop.call_soon(self._take)
            return
        first = 0
        for some in chunks(items, AT_ONCE_ITEMS):
            encoded = await self._loop.run_in_executor(
                self._threads, self._encode, job.options, some, first
            )
            first += len(some)
            self._queue([(job, encoded, first == len(items))])
            if job.over:
                return
        self._learn(job, characters)

    def _take(self) -> None:
        """Tokenize what came since, as far as the loop may be held up."""
        arrived, characters = 0, 0
        for each in self._arrived:
            arrived += 1
            characters += each.characters
            if characters >= AT_ONCE_CHARACTERS:
                break
        now, self._arrived = self._arrived[:arrived], self._arrived[arrived:]
        if self._arrived:
            self._loop.call_soon(self._take)
        by_options: dict[Any, list[Arrival]] = {}
        for each in now:
            if not each.job.over:
                by_options.setdefault(each.job.key, []).append(each)
        for group in by_options.values():
            self._encode_group(group)

    def _encode_group(self, arrivals: Sequence[Arrival]) -> None:
        try:
            items = [item for each in arrivals for item in each.items]
            encoded = [item for _, item in self._encode(arrivals[0].job.options, items, 0)]
        except Exception as error:  # of one of them
            if len(arrivals) == 1:
                self._pool.fail(arrivals[0].job, error)
            else:
                for each in arrivals:
                    self._encode_group([each])
            return
        submissions: list[Submission] = []
        start = 0
        for each in arrivals:
            end = start + len(each.items)
            submissions.append((each.job, list(enumerate(encoded[start:end])), True))
            start = end
        self._queue(submissions)
        for each in arrivals:
            self._learn(each.job, each.characters)

    def _encode(self, options: Any, items: Sequence[Any], first: int) -> list[Numbered]:
        with one_thread():
            return list(enumerate(self._model.encode(items, options, first=first), first))

    def _queue(self, submissions: Sequence[Submission]) -> None:
        flat: list[Submission] = []
        for job, encoded, last in submissions:
            streamed = [each for each in encoded if each[1].streamed]
            job.streamed += streamed
            rest = [each for each in encoded if not each[1].streamed] if streamed else encoded
            flat.append((job, rest, last))
        self._pool.submit(flat)

    def _learn(self, job: Job, characters: int) -> None:
        if job.tokens and not job.streamed:
            self._admission.encoded(characters, job.tokens)
