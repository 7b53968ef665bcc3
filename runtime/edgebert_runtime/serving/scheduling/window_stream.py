"""An item so long that its windows are made while they run."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from edgebert_runtime.inference.async_calls import CallCancelledError
from edgebert_runtime.inference.batching import chunks
from edgebert_runtime.tasks.base import RowOutputs
from edgebert_runtime.tokenization.encoding import EncodedText

Run = Callable[[Sequence[EncodedText]], Coroutine[Any, Any, list[RowOutputs]]]
"""Runs windows, in the event loop."""


class WindowStream:
    """Windows with their outputs, a few at a time; iterated in a thread that is not the loop's.

    Args:
        rows: the windows.
        at_once: how many run together.
        run: runs them.
        loop: where.

    Attributes:
        tokens: of the windows so far.
    """

    def __init__(
        self,
        rows: Sequence[EncodedText] | Iterator[EncodedText],
        at_once: int,
        run: Run,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.tokens = 0
        self._rows, self._at_once, self._run, self._loop = rows, at_once, run, loop
        self._stopped = False
        self._under_way: Future[list[RowOutputs]] | None = None

    def __iter__(self) -> Iterator[RowOutputs]:
        for several in chunks(self._rows, self._at_once):
            if self._stopped:
                raise CallCancelledError
            self.tokens += sum(len(row.input_ids) for row in several)
            self._under_way = asyncio.run_coroutine_threadsafe(self._run(several), self._loop)
            yield from self._under_way.result()

    def stop(self) -> None:
        """Nobody waits: drop what waits to run, and end the thread."""
        self._stopped = True
        if self._under_way is not None:
            self._under_way.cancel()
