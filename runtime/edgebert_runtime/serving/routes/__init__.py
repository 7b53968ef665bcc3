"""Where clients post texts, in the shapes of the clients that there are.

A module has the routes of one dialect. `ROUTES` are those that do not hang on a task's own record;
`routes_for` has all that a bundle of one task serves.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from edgebert_runtime.serving.routes import openai
from edgebert_runtime.serving.routes.errors import openai_error, tei_error
from edgebert_runtime.serving.routes.route import ErrorBody, Route

ROUTES: Final[tuple[Route, ...]] = (*openai.ROUTES,)
"""Routes of every dialect."""

OPENAI_PREFIX: Final = "/v1/"


@cache
def routes_for(task: str) -> Mapping[tuple[str, str], Route]:
    """Method and path → the route, of a bundle of a task.

    Raises:
        ConfigError: there is no such task.
    """
    return {(route.method, route.path): route for route in ROUTES if route.serves(task)}


def error_body_of(path: str) -> ErrorBody:
    """The shape of errors under a path, where no route is known yet."""
    return openai_error if path.startswith(OPENAI_PREFIX) else tei_error
