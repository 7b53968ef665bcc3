"""Which sessions run few and many texts, and in micro-batches of which size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edgebert_runtime.engine.session import Session

MICRO_BATCH_TOKENS: Final = 512
"""Padded tokens a micro-batch may hold where nothing was measured, docs/decisions/0005."""

MAX_PADDING: Final = 0.05
"""Share of them that may be padding where nothing was measured, docs/decisions/0005."""


@dataclass(frozen=True, kw_only=True)
class ExecutionPlan:
    """How a model runs many texts.

    Attributes:
        micro_batch_tokens: padded tokens that run at once at most; None is `MICRO_BATCH_TOKENS`.
        max_padding: share of them that may be padding; None is `MAX_PADDING`.
        many: session that many micro-batches run in; None takes the session that few run in.
        workers: how many of them run in parallel there.
        single_thread_session: runs few micro-batches while other callers are served, too; None
            takes the session that few run in.
    """

    micro_batch_tokens: int | None = None
    max_padding: float | None = None
    many: Session | None = None
    workers: int = 1
    single_thread_session: Session | None = None

    @property
    def sessions(self) -> Iterator[Session]:
        """Those it names."""
        return filter(None, (self.many, self.single_thread_session))
