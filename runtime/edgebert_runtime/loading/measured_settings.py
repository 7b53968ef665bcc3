"""What `warm` measured, as settings of a model."""

from typing import TYPE_CHECKING

from edgebert_runtime.engine.session import Session
from edgebert_runtime.inference.execution_plan import ExecutionPlan
from edgebert_runtime.loading.options import LoadOptions

if TYPE_CHECKING:
    from edgebert_runtime.loading.graph_cache import Tuning


def threads_of(options: LoadOptions, tuning: "Tuning | None") -> int | None:
    """Those asked for; else those that one text was answered soonest with, if it is known.

    Args:
        options: of `load`.
        tuning: what was measured; None without a measurement.
    """
    if options.threads is not None or tuning is None or options.share_threads:
        return options.threads
    return tuning.latency_threads


def plan_of(session: Session, tuning: "Tuning | None", cores: int) -> ExecutionPlan:
    """What was measured for as many threads; further sessions map the same file again.

    Args:
        session: of a few texts.
        tuning: as `threads_of` takes it.
        cores: how many threads there are to use.
    """
    multithreaded = session.threads > 1 and not session.shared
    single = session.with_threads(1) if multithreaded else None
    if tuning is None:
        return ExecutionPlan(single_thread_session=single)
    workers = cores if tuning.workers and not session.shared else 1
    each = 1 if workers > 1 else cores
    apart = each != session.threads or workers > 1
    many = session.with_threads(each) if apart else None
    return ExecutionPlan(
        micro_batch_tokens=tuning.micro_batch_tokens,
        max_padding=tuning.max_padding,
        many=many,
        workers=workers,
        single_thread_session=many if workers > 1 else single,
    )
