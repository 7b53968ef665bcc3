"""The same methods for programs with an event loop."""

from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from functools import wraps
from threading import Event
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from edgebert_runtime.errors import InputError

Model = TypeVar("Model")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_gone: Final[ContextVar[Event | None]] = ContextVar("edgebert_caller_gone", default=None)
"""Set once the caller of the work in this context has gone away."""


class CallCancelledError(Exception):
    """Ends work that nobody waits for; nobody sees it."""


def cancel_token() -> Event | None:
    """What is set once nobody waits for the work of this context; None if that cannot be known."""
    return _gone.get()


def raise_if_cancelled(gone: Event | None) -> None:
    """Called between micro-batches, by whatever thread.

    Raises:
        CallerGoneError: the task that waited for the answer was cancelled.
    """
    if gone is not None and gone.is_set():
        raise CallCancelledError


def asynchronous(
    method: Callable[Concatenate[Model, Parameters], Result],
) -> Callable[Concatenate[Model, Parameters], Coroutine[Any, Any, Result]]:
    """The method in a thread of its own, so that the loop goes on; the engine lets go of the GIL.

    Who is cancelled gets no answer; the work ends after the micro-batch that is under way.
    https://docs.python.org/3/library/asyncio-task.html#asyncio.to_thread
    """

    @wraps(method)
    async def run(
        model: Model, /, *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        from asyncio import CancelledError, to_thread  # most programs have no loop

        if any(isinstance(given, Iterator) for given in (*arguments, *options.values())):
            raise InputError(
                f"a{method.__name__} takes a list, got an iterator; await it chunk by chunk, or "
                f"run {method.__name__} in a thread"
            )
        gone = Event()
        token = _gone.set(gone)  # the thread runs in a copy of this context
        try:
            return await to_thread(method, model, *arguments, **options)
        except CancelledError:
            gone.set()
            raise
        finally:
            _gone.reset(token)

    return run
