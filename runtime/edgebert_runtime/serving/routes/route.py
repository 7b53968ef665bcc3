"""A route: where clients post, and what they are answered."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from edgebert_runtime.serving.bundles import BundleService, Long
from edgebert_runtime.serving.schemas.check import Schema
from edgebert_runtime.tasks.options import TaskOptions

Handle = Callable[[BundleService, Any], Awaitable[Any]]
"""A parsed body → what is written as JSON, in which vectors are arrays of numpy."""

ErrorBody = Callable[[int, str], Mapping[str, Any]]
"""A status of HTTP and a message → the body of an error."""

KEPT_CHARACTERS: Final = 32
"""Options are kept for the next request if they have no lists, and no longer texts."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route.

    Attributes:
        path: behind the server, or behind the name of a bundle.
        summary: what it does, in one line.
        tasks: of bundles that it serves; None for all.
        handle: answers a request. It raises `InputError` or `ConfigError` for a request that is
            wrong, and what `BundleService.answer` raises.
        error_body: an error in the shape that its clients read.
        request_schema: of the body.
        response_schema: of the answer.
        method: of HTTP.
    """

    path: str
    summary: str
    tasks: frozenset[str] | None
    handle: Handle
    error_body: ErrorBody
    request_schema: Schema
    response_schema: Schema
    method: str = "POST"

    def serves(self, task: str) -> bool:
        """Whether it answers for bundles of a task."""
        return self.tasks is None or task in self.tasks


def one_or_more(value: Any) -> list[Any]:
    """A list, or one of what stands for it."""
    return value if isinstance(value, list) else [value]


def options(
    service: BundleService, kind: type[TaskOptions] | None = None, **given: Any
) -> TaskOptions:
    """Arguments of a task's method, those that are None left as the task or the server has them.

    Args:
        service: of the bundle.
        kind: of options; None is that of the bundle's task.
        given: by name.

    Raises:
        ConfigError, InputError: the task refuses one.
    """
    usable = tuple(
        # equal options share batches, for which they are hashed
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in given.items()
        if value is not None
    )
    kept = not any(
        isinstance(value, tuple) or (isinstance(value, str) and len(value) > KEPT_CHARACTERS)
        for _, value in usable
    )
    make: Callable[..., TaskOptions] = _made if kept else _made.__wrapped__
    return make(kind or service.model.OPTIONS, usable, service.options.long)


@lru_cache(maxsize=256)
def _made(kind: type[TaskOptions], given: tuple[tuple[str, Any], ...], long: Long) -> TaskOptions:
    """Options are checked when they are made, which takes longer than the rest of a request."""
    make: Callable[..., TaskOptions] = kind
    found = make(**dict(given))
    if found.long != "truncate" or long == "truncate" or "long" in dict(given):
        return found
    return replace(found, long=long)
