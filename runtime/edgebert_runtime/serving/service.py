"""One model as a service: requests of many clients, answered by a few threads."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from edgebert_runtime.errors import EngineError, ServiceClosedError
from edgebert_runtime.serving.scheduling.statistics import (
    ROWS,
    SECONDS,
    Outcome,
    Statistics,
    Tally,
)
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.options import TaskOptions

MAX_WAIT_SECONDS: Final = 2.0
"""Longest that a request may wait for others, where the caller says nothing."""


@dataclass(frozen=True)
class Answered:
    """What a request's items became.

    Attributes:
        answers: one an item, as `TaskModel.decode` gives them: rows of an array for vectors.
        tokens: of all rows, special tokens included, padding not.
    """

    answers: Sequence[Any]
    tokens: int


class ModelService:
    """Answers requests of many clients with one model.

    The model stays the caller's, who closes it after the service.

    Attributes:
        name: what clients call the model.
        model: as given.
    """

    def __init__(
        self, name: str, model: TaskModel[Any], *, max_wait: float = MAX_WAIT_SECONDS
    ) -> None:
        """Prepare to answer.

        Args:
            name: what clients call the model.
            model: an open one.
            max_wait: seconds that a request may wait for others; longer is an `OverloadedError`.
        """
        self.name, self.model = name, model
        self._max_wait = max_wait
        self._closed = False
        self._requests: dict[Outcome, int] = dict.fromkeys(
            ("answered", "refused", "failed", "cancelled"), 0
        )
        self._seconds, self._rows = Tally(SECONDS), Tally(ROWS)
        self._items = self._tokens = self._in_flight = 0

    async def start(self) -> None:
        """Run the model once, so that the first request waits for nothing that is done once.

        Raises:
            EngineError: the engine cannot run the model.
        """
        await asyncio.to_thread(self.model.warm_up)

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
        if self._closed:
            raise ServiceClosedError(f"{self.name} closes; ask another server")
        begun, outcome = monotonic(), "failed"
        self._in_flight += 1
        try:
            answered = await asyncio.to_thread(self._answer, items, options)
            self._items += len(items)
            self._tokens += answered.tokens
            outcome = "answered"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._in_flight -= 1
            self._requests[outcome] += 1
            self._seconds.add(monotonic() - begun)
        return answered

    def standing_still(self) -> float:
        """Seconds since anything ended while there is work; 0 without work."""
        return 0.0

    def statistics(self) -> Statistics:
        """What was done so far."""
        return Statistics(
            requests=dict(self._requests),
            items=self._items,
            tokens=self._tokens,
            padded_tokens=self._tokens,
            waiting_rows=0,
            in_flight=self._in_flight,
            wait_seconds=Tally(SECONDS).histogram(),
            request_seconds=self._seconds.histogram(),
            batch_rows=self._rows.histogram(),
        )

    async def close(self, drain_seconds: float) -> None:
        """Take no more requests, and end those that are under way.

        Args:
            drain_seconds: how long they may take; what is not answered by then is a
                `ServiceClosedError` to who waits for it.
        """
        self._closed = True
        end = monotonic() + drain_seconds
        while self._in_flight and monotonic() < end:
            await asyncio.sleep(0.01)

    def _answer(self, items: Sequence[Any], options: TaskOptions | None) -> Answered:
        model = self.model
        chosen = model.OPTIONS() if options is None else options
        model.check_options(chosen)
        encoded = model.encode(items, chosen)
        if any(each.streamed for each in encoded):
            raise EngineError("texts in streamed windows are not served yet")
        answers = model.decode(encoded, model.run(encoded, chosen), chosen)
        return Answered(answers, sum(len(row.input_ids) for each in encoded for row in each.rows))
