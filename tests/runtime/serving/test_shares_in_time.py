"""How long requests wait, by the real queue and a clock of its own: threads take 40 µs a token."""

from heapq import heappop, heappush
from random import Random
from statistics import quantiles

import pytest

from edgebert_runtime.serving.scheduling.admission import Share
from edgebert_runtime.serving.scheduling.job import Job
from edgebert_runtime.serving.scheduling.row_queue import Batch, RowQueue
from edgebert_runtime.tokenization.encoding import EncodedItem, EncodedText

TOKEN_SECONDS, BATCH_SECONDS = 4e-5, 2e-4
WORKERS, MANY, ANSWERS = 2, 2048, 1000


class Clients:
    """Some that ask one text each, and perhaps one that asks many; all ask again at once."""

    def __init__(self, count: int, *, beside: bool) -> None:
        self.queue = RowQueue(batch_tokens=512, max_padding=0.05)
        self.waits: list[float] = []
        self._random, self._now = Random(7), 0.0
        self._idle, self._alone = WORKERS, count == 1 and not beside
        self._ends: list[tuple[float, int, Batch]] = []
        self._begun: dict[Job, float] = {}
        self._left: dict[Job, int] = {}
        for texts in [MANY] * beside + [1] * count:
            self._ask(texts)

    def run(self) -> list[float]:
        """Milliseconds that the answers to single texts took."""
        while len(self.waits) < ANSWERS:
            while self._idle and (batch := self.queue.take(self._idle, lone=self._alone)):
                lengths = [row.length for row in batch.rows]
                took = BATCH_SECONDS + TOKEN_SECONDS * max(lengths) * len(lengths)
                heappush(self._ends, (self._now + took, id(batch), batch))
                self._idle -= 1
            self._now, _, batch = heappop(self._ends)
            self._idle += 1
            self._end(batch)
        return self.waits

    def _ask(self, texts: int) -> None:
        lengths = [min(256, int(self._random.lognormvariate(3.5, 0.6)) + 2) for _ in range(texts)]
        job = Job(None, Share(sum(lengths)))
        rows = [
            EncodedText(input_ids=[0] * each, token_type_ids=[0] * each, tokens=each)
            for each in lengths
        ]
        self._begun[job], self._left[job] = self._now, texts
        self.queue.add(job, job.add(enumerate(EncodedItem(None, [row]) for row in rows)))

    def _end(self, batch: Batch) -> None:
        for row in batch.rows:
            job = row.part.job
            self._left[job] -= 1
            if self._left[job] == 0:
                if job.left == 1:
                    self.waits.append(1_000 * (self._now - self._begun[job]))
                self._ask(job.left)


def percentiles(count: int, *, beside: bool) -> tuple[float, float]:
    cuts = quantiles(Clients(count, beside=beside).run(), n=100)
    return cuts[49], cuts[98]


@pytest.mark.parametrize("clients", [1, 8, 64])
def test_many_texts_of_another_hardly_delay_single_ones(clients: int) -> None:
    alone, beside = percentiles(clients, beside=False), percentiles(clients, beside=True)
    assert beside[1] <= 3 * alone[1]
    if clients > WORKERS:
        assert beside[0] <= 2 * alone[0]
