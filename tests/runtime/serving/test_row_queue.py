"""Which rows run next."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from edgebert_runtime.serving.scheduling.admission import Share
from edgebert_runtime.serving.scheduling.job import Job, Row
from edgebert_runtime.serving.scheduling.row_queue import RowQueue
from edgebert_runtime.tokenization.encoding import EncodedItem, EncodedText


def queue_of(*, batch_tokens: int = 1, max_padding: float = 0.05) -> RowQueue:
    """A queue that takes rows one by one, unless micro-batches hold more."""
    return RowQueue(batch_tokens=batch_tokens, max_padding=max_padding)


def put(queue: RowQueue, *lengths: int, options: object = None, job: Job | None = None) -> Job:
    """Queue a request with an item of each length."""
    job = job or Job(options, Share(sum(lengths)))
    texts = [
        EncodedText(input_ids=[0] * length, token_type_ids=[0] * length, tokens=length)
        for length in lengths
    ]
    items = [EncodedItem(None, [text]) for text in texts]
    queue.add(job, job.add(enumerate(items, len(job.waiting))))
    return job


def taken(queue: RowQueue, workers: int = 1, *, lone: bool = False) -> list[Row]:
    batch = queue.take(workers, lone=lone)
    return [] if batch is None else batch.rows


def lengths_of(rows: Sequence[Row]) -> list[int]:
    return sorted(row.length for row in rows)


def test_rows_of_one_request_run_in_their_order() -> None:
    queue = queue_of()
    put(queue, 30, 10, 20)
    assert [taken(queue)[0].length for _ in range(3)] == [30, 10, 20]
    assert taken(queue) == []
    assert queue.rows == 0


def test_who_comes_beside_many_rows_waits_for_one_or_two() -> None:
    queue = queue_of()
    many = put(queue, *[20] * 1000)
    for _ in range(100):
        taken(queue)
    one = put(queue, 20)
    order = [taken(queue)[0].part.job for _ in range(3)]
    assert one in order
    assert many in order


def test_requests_share_the_tokens_however_many_rows_they_have() -> None:
    queue = queue_of()
    jobs = [put(queue, *[length] * count) for length, count in ((40, 300), (10, 2000), (20, 900))]
    ran: Counter[Job] = Counter()
    while sum(ran.values()) < 15_000:
        for row in taken(queue):
            ran[row.part.job] += row.length
    assert max(ran.values()) - min(ran.values()) <= 40
    assert set(ran) == set(jobs)


def test_many_rows_are_not_starved_by_requests_that_keep_coming() -> None:
    queue = queue_of()
    many = put(queue, *[20] * 100)
    served = 0
    for _ in range(300):
        while queue.rows + served < 110:  # ten others wait at all times
            put(queue, 20)
        served += taken(queue)[0].part.job is many
    assert served == pytest.approx(300 / 11, abs=2)


def test_neighbours_in_length_run_together_and_pad_little() -> None:
    queue = queue_of(batch_tokens=512)
    put(queue, 40, 100, 41, 7, 39, 99, 8)
    found = [lengths_of(taken(queue, lone=True)) for _ in range(4)]
    assert found == [[39, 40, 41], [99, 100], [7], [8]]  # of 7 and 8 a sixteenth would be padding


def test_a_micro_batch_is_never_larger_nor_more_padded_than_it_may_be() -> None:
    random, queue = Random(3), queue_of(batch_tokens=256)
    lengths = [min(300, int(random.lognormvariate(3.4, 0.7)) + 2) for _ in range(700)]
    for start in range(0, 700, 35):
        put(queue, *lengths[start : start + 35])
    ran: list[int] = []
    batches = 0
    while rows := taken(queue):
        found = lengths_of(rows)
        padded = len(found) * found[-1]
        assert padded <= max(256, found[-1])
        assert padded - sum(found) <= 0.05 * padded
        ran += found
        batches += 1
    assert sorted(ran) == sorted(lengths)
    assert batches < 300


def test_others_rows_are_taken_before_their_turn_only_from_near_the_front() -> None:
    queue = queue_of(batch_tokens=10_000, max_padding=0.0)
    many = put(queue, *[20] * 1000)
    assert len(taken(queue, lone=True)) == 256
    one = put(queue, 20)
    rows = taken(queue, lone=True)
    assert len(rows) == 129  # half of the window is each one's
    assert {row.part.job for row in rows} == {many, one}


def test_no_request_fills_a_micro_batch_while_others_wait() -> None:
    queue = queue_of(batch_tokens=512)
    many = put(queue, *[20] * 1000)
    others = [put(queue, 20) for _ in range(7)]
    jobs = [row.part.job for row in taken(queue)]
    assert jobs.count(many) == 3  # an eighth of the tokens
    assert set(jobs) == {many, *others}
    assert len(taken(queue)) == 6  # others may come
    assert len(taken(queue, lone=True)) == 25


def test_who_had_more_than_its_share_does_not_fill_the_micro_batches_of_others() -> None:
    queue = queue_of(batch_tokens=512)
    many = put(queue, *[20] * 3000)
    ran: Counter[bool] = Counter()
    for _ in range(300):
        while queue.rows + ran[True] < 3004:  # four others wait at all times
            put(queue, 20)
        ran.update(row.part.job is many for row in taken(queue))
    assert ran[True] == pytest.approx(ran.total() / 5, rel=0.1)


def test_workers_that_are_free_get_equal_shares() -> None:
    queue = queue_of(batch_tokens=512)
    put(queue, *[20] * 8)
    assert len(taken(queue, workers=2)) == 4
    assert len(taken(queue, workers=1)) == 4


def test_rows_of_other_options_run_apart() -> None:
    queue = queue_of(batch_tokens=512)
    put(queue, 20, 20, options="one")
    put(queue, 20, options="other")
    put(queue, 20, options=["unhashable"])
    put(queue, 20, options=["unhashable"])
    assert [len(taken(queue)) for _ in range(4)] == [2, 1, 2, 0]


def test_a_dropped_request_leaves_nothing_behind() -> None:
    queue = queue_of(batch_tokens=100)
    gone, stays = put(queue, 20, 30, 21, 20), put(queue, 20)
    first = taken(queue)
    queue.drop(gone)
    queue.drop(gone)
    rest = [row for _ in range(5) for row in taken(queue)]
    assert [row for row in (*first, *rest) if row.part.job is stays]
    assert not [row for row in rest if row.part.job is gone]
    assert queue.rows == 0


def test_a_request_may_get_rows_while_others_of_it_run() -> None:
    queue = queue_of()
    job = put(queue, 20)
    taken(queue)
    put(queue, 30, 40, job=job)
    assert [lengths_of(taken(queue)) for _ in range(3)] == [[30], [40], []]


@pytest.mark.parametrize("seed", range(5))
def test_every_row_runs_once_whatever_comes_and_goes(seed: int) -> None:
    random, queue = Random(seed), queue_of(batch_tokens=128)
    alive: list[Job] = []
    ran: Counter[Row] = Counter()
    dropped: set[Job] = set()
    for _ in range(400):
        action = random.random()
        if action < 0.4:
            lengths = [random.randint(1, 60) for _ in range(random.randint(1, 12))]
            alive.append(put(queue, *lengths, options=random.randint(0, 2)))
        elif action < 0.5 and alive:
            dropped.add(alive[random.randrange(len(alive))])
            queue.drop(alive[-1] if alive[-1] in dropped else next(iter(dropped)))
        else:
            ran.update(taken(queue, random.randint(1, 3)))
    while rows := taken(queue):
        ran.update(rows)
    assert set(ran.values()) == {1}
    finished = Counter(row.part.job for row in ran)
    assert all(finished[job] == job.left for job in alive if job not in dropped)
    assert queue.rows == 0
