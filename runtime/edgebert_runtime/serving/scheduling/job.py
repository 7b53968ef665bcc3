"""The work of one request: its items, their rows, and what becomes of them."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from time import monotonic
from typing import Any, Final

from edgebert_runtime.serving.scheduling.admission import Share
from edgebert_runtime.tasks.base import RowOutputs
from edgebert_runtime.tokenization.encoding import EncodedItem, EncodedText

NOT_RUN: Final[RowOutputs] = (EncodedText(input_ids=(), token_type_ids=(), tokens=0), ())
"""Stands where a row's outputs will be."""


Numbered = tuple[int, EncodedItem]
"""An item with its number among the caller's."""


class Row:
    """One row that waits, runs, or has run.

    Attributes:
        part: what it is a row of.
        place: among the rows of its part.
        number: among the rows of its job, in the order in which they came.
        encoded: its ids.
        length: in tokens.
        taken: whether it has begun, or was dropped.
    """

    __slots__ = ("encoded", "length", "number", "part", "place", "taken")

    def __init__(self, part: "Part", place: int, number: int, encoded: EncodedText) -> None:
        self.part, self.place, self.number, self.encoded = part, place, number, encoded
        self.length = len(encoded.input_ids)
        self.taken = False


class Part:
    """One item of a job, with the rows that it is made of.

    Attributes:
        job: whose item it is.
        number: of the item among the caller's.
        item: encoded.
        ran: its rows with their outputs, in order.
        left: rows that have not run.
    """

    __slots__ = ("item", "job", "left", "number", "ran")

    def __init__(self, job: "Job", number: int, item: EncodedItem, rows: int) -> None:
        self.job, self.number, self.item, self.left = job, number, item, rows
        self.ran: list[RowOutputs] = [NOT_RUN] * rows


class Job:
    """The rows of one request that are answered together.

    Attributes:
        options: of the task's method.
        key: equal for jobs whose rows may share a micro-batch.
        share: what the request was admitted for.
        decodes: whether its answers are wanted; else what its rows gave, as `TaskModel.run` has it.
        arrived: when it was made, in seconds of the scheduler's clock.
        waiting: its rows in order, some of which may have been taken.
        due: the virtual time at which its next row is due.
        taken: how many of its rows have begun.
        tokens: of all its rows.
        left: items without an answer.
        complete: whether all its items are here.
        over: whether it was answered, failed or dropped.
        answers: number of an item → its answer.
        streamed: items whose windows are made while they run, which are not among its rows.
        error: why it failed.
    """

    def __init__(
        self,
        options: Any,
        share: Share,
        *,
        decodes: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.options, self.share, self.decodes = options, share, decodes
        self.key: Hashable = key_of(options)
        self.arrived = clock()
        self.waiting: deque[Row] = deque()
        self.due = 0.0
        self.taken = self.tokens = self.left = 0
        self.complete = self.over = False
        self.answers: dict[int, Any] = {}
        self.streamed: list[Numbered] = []
        self.error: Exception | None = None
        self._rows = 0

    def add(self, items: Iterable[Numbered]) -> list[Row]:
        """Take further items with their numbers; their rows, none streamed, are to be queued."""
        found: list[Row] = []
        for number, item in items:
            rows = list(item.rows)
            part = Part(self, number, item, len(rows))
            self.left += 1
            for place, encoded in enumerate(rows):
                row = Row(part, place, self._rows, encoded)
                self._rows += 1
                self.tokens += row.length
                found.append(row)
        self.waiting.extend(found)
        return found

    def first_waiting(self) -> Row | None:
        """The oldest of its rows that wait."""
        waiting = self.waiting
        while waiting and waiting[0].taken:
            waiting.popleft()
        return waiting[0] if waiting else None


def key_of(options: Any) -> Hashable:
    """What is equal for equal options, which may hold lists."""
    try:
        hash(options)
    except TypeError:
        return repr(options)
    return options  # type: ignore[no-any-return]
