"""The same methods for programs with an event loop."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

Model = TypeVar("Model")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def asynchronous(
    method: Callable[Concatenate[Model, Parameters], Result],
) -> Callable[Concatenate[Model, Parameters], Coroutine[Any, Any, Result]]:
    """The method in a thread of its own, so that the loop goes on; the engine lets go of the GIL.

    Who is cancelled gets no answer; the run that is under way ends by itself.
    https://docs.python.org/3/library/asyncio-task.html#asyncio.to_thread
    """

    @wraps(method)
    async def run(
        model: Model, /, *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        from asyncio import to_thread  # most programs have no loop and start without it

        return await to_thread(method, model, *arguments, **options)

    return run
