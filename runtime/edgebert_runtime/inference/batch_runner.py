"""Encoded rows through a graph: micro-batches, in sequence or in parallel."""

import sys
import warnings
from collections.abc import Callable, Sequence
from math import ceil
from typing import Final, NamedTuple, Protocol

from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import EngineMemoryError, SmallerBatchWarning
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.inference.async_calls import cancel_token, raise_if_cancelled
from edgebert_runtime.inference.batching import micro_batches
from edgebert_runtime.inference.execution_plan import (
    MAX_PADDING,
    MICRO_BATCH_TOKENS,
    ExecutionPlan,
)
from edgebert_runtime.inference.thread_pool import run_side_by_side
from edgebert_runtime.tokenization.encoding import EncodedText

SPLIT_FROM: Final = 0.1
"""Micro-batches per thread from which they run in parallel, docs/decisions/0005."""

FEW: Final = 2
"""Texts that run as one micro-batch, on all threads, whatever their lengths."""

Work = Callable[[Session, list[int], Feeds], None]
"""Runs one micro-batch: the session to use, the indices of its rows, its padded arrays."""


class Pad(Protocol):
    """Lays rows out as one batch; `TextTokenizer.pad`."""

    def __call__(self, encoded: Sequence[EncodedText], multiple: int = 1) -> Feeds:
        """The rows, padded to the longest, to a length that is a multiple."""


class RunSize(NamedTuple):
    """What was run: padded tokens, and micro-batches."""

    padded_tokens: int
    micro_batches: int


class BatchRunner:
    """Runs rows in micro-batches of a size that memory allows.

    Attributes:
        session, plan: as given.
    """

    def __init__(self, session: Session, plan: ExecutionPlan) -> None:
        self.session, self.plan = session, plan
        self._fitting = sys.maxsize

    @property
    def micro_batch_tokens(self) -> int:
        """Padded tokens of a micro-batch, at most."""
        usual = PROVIDERS[self.session.provider].micro_batch_tokens or MICRO_BATCH_TOKENS
        return min(self.plan.micro_batch_tokens or usual, self._fitting)

    @property
    def max_padding(self) -> float:
        """Share of a micro-batch's tokens that may be padding, 0 to 1."""
        usual = PROVIDERS[self.session.provider].max_padding
        known = (each for each in (self.plan.max_padding, usual) if each is not None)
        return next(known, MAX_PADDING)

    def run(
        self, rows: Sequence[EncodedText], pad: Pad, work: Work, session: Session | None = None
    ) -> RunSize:
        """Give `work` every micro-batch, and a session to run it.

        Many run in parallel where that was measured to be faster, few in sequence. While other
        callers are served too, few run on one thread: threads that share a micro-batch wait for
        each other.

        Args:
            rows: texts as ids.
            pad: lays a micro-batch out.
            work: called once a micro-batch, from several threads.
            session: the one to use; None chooses.

        Raises:
            EngineError, ModelClosedError: as `Session.run`.
        """
        lengths = [len(row.input_ids) for row in rows]
        chosen, workers = (session, 1) if session else self._choose(lengths)
        batches = self._batches(lengths, workers)
        cancelled = cancel_token()
        multiple = PROVIDERS[chosen.provider].length_multiple
        sizes: list[int] = []

        def one(batch: list[int]) -> None:
            waiting = [batch]  # a function that called itself would keep all rows for the collector
            while waiting:
                indices = waiting.pop()
                raise_if_cancelled(cancelled)
                feeds = pad([rows[index] for index in indices], multiple)
                try:
                    work(chosen, indices, feeds)
                    sizes.append(feeds["input_ids"].size)
                except EngineMemoryError as error:
                    waiting += reversed(self._halves(indices, feeds, error))

        caller = chosen.concurrency.begin()
        try:
            run_side_by_side(batches, one, workers)
        finally:
            chosen.concurrency.end(caller)
        return RunSize(sum(sizes), len(sizes))

    def close(self) -> None:
        """Close every session."""
        for session in (self.session, *self.plan.sessions):
            session.close()

    def _batches(self, lengths: Sequence[int], workers: int) -> list[list[int]]:
        """Micro-batches that keep so many workers busy alike."""
        if len(lengths) <= FEW:
            return list(micro_batches(lengths, self.micro_batch_tokens))
        tokens, most = sum(lengths), self.micro_batch_tokens
        turns = workers * ceil(tokens / (workers * most))
        each = ceil(tokens / turns) if workers > 1 else most
        return list(micro_batches(lengths, each, self.max_padding))

    def _choose(self, lengths: Sequence[int]) -> tuple[Session, int]:
        """The session for texts of these lengths, and how many micro-batches run in parallel."""
        many = self.plan.many
        if many and len(lengths) > FEW:
            threads = self.plan.workers * many.threads
            if sum(lengths) >= SPLIT_FROM * threads * self.micro_batch_tokens:
                return many, self.plan.workers
        if self.plan.single_thread_session and self.session.concurrency.dense:
            return self.plan.single_thread_session, 1
        return self.session, 1

    def _halves(
        self, indices: list[int], feeds: Feeds, error: EngineMemoryError
    ) -> tuple[list[int], list[int]]:
        """The two halves of a micro-batch that does not fit into memory; warns once.

        Raises:
            EngineMemoryError: it is one text.
        """
        if len(indices) == 1:
            raise error
        size = feeds["input_ids"].size
        if self._fitting == sys.maxsize:
            warnings.warn(
                f"a micro-batch of {size} tokens does not fit into memory; batches of this "
                f"size are split into two from now on: {error}",
                SmallerBatchWarning,
                stacklevel=2,
            )
        self._fitting = min(self._fitting, max(1, size // 2))
        middle = len(indices) // 2
        return indices[:middle], indices[middle:]
