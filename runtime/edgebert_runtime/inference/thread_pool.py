"""Micro-batches in parallel, each on one thread: no thread waits for another at a barrier."""

from _thread import allocate_lock
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from threading import Event, Thread
from typing import Generic, TypeVar

Job = TypeVar("Job")


def run_side_by_side(jobs: Iterable[Job], work: Callable[[Job], None], workers: int) -> None:
    """Do every job, `workers` of them at a time; the engine lets go of the GIL meanwhile.

    The first error ends the others after the job they are at, and is raised here.

    Args:
        jobs: taken one by one, as a worker is free.
        work: what to do with one.
        workers: how many threads, the caller's among them.
    """
    shared = _Jobs(iter(jobs))
    started: list[_Helper] = []
    try:
        for _ in range(workers - 1):
            helper = _Helper(partial(shared.work, work))
            helper.start()
            started.append(helper)
        shared.work(work)
        _join(started)
    except BaseException as error:  # ctrl-C, too, must stop the others, also while they are awaited
        shared.stop(error)
        _join(started)
    if shared.error is not None:
        raise shared.error


def _join(helpers: Iterable["_Helper"]) -> None:
    for helper in helpers:
        helper.ended.wait()
        helper.join()


class _Helper(Thread):
    """A thread that says when it has ended.

    Up to Python 3.12 `join` takes a thread for ended once an interrupt has reached an earlier
    `join` of it. https://github.com/python/cpython/issues/90882
    """

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__()
        self._work, self.ended = target, Event()

    def run(self) -> None:
        try:
            self._work()
        finally:
            self.ended.set()


class _Jobs(Generic[Job]):
    """What is left to do, until the first error."""

    def __init__(self, jobs: Iterator[Job]) -> None:
        self._jobs = jobs
        self._taking = allocate_lock()
        self.error: BaseException | None = None

    def work(self, work: Callable[[Job], None]) -> None:
        """Take jobs as long as there are some; errors are kept for the caller."""
        for job in self:
            try:
                work(job)
            except BaseException as error:
                self.stop(error)

    def stop(self, error: BaseException) -> None:
        """Let nobody take another job."""
        self.error = self.error or error

    def __iter__(self) -> Iterator[Job]:
        while True:
            with self._taking:
                if self.error is not None:
                    return
                try:
                    job = next(self._jobs)
                except StopIteration:
                    return
            yield job
