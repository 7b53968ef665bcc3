"""Where clients post texts, in the shapes of the clients that there are.

A module has the routes of one dialect. `ROUTES` are those that do not hang on a task's own record;
`routes_for` has all that a bundle of one task serves.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from edgebert_runtime.serving.routes import (
    openai,
    pipelines,
    rerank,
    text_embeddings_inference,
)
from edgebert_runtime.serving.routes.errors import openai_error, tei_error
from edgebert_runtime.serving.routes.route import ErrorBody, Route
from edgebert_runtime.serving.routes.tasks import routes_of
from edgebert_runtime.tasks.registry import require_task

ROUTES: Final[tuple[Route, ...]] = (
    *openai.ROUTES,
    *rerank.ROUTES,
    *text_embeddings_inference.ROUTES,
    *pipelines.ROUTES,
)
"""Routes of every dialect."""

OPENAI_PREFIXES: Final = ("/v1/", "/v2/")


@cache
def routes_for(task: str) -> Mapping[tuple[str, str], Route]:
    """Method and path → the route, of a bundle of a task.

    Raises:
        ConfigError: there is no such task.
    """
    served = (*filter(lambda route: route.serves(task), ROUTES), *routes_of(require_task(task)))
    return {(route.method, route.path): route for route in served}


def error_body_of(path: str) -> ErrorBody:
    """The shape of errors under a path, where no route is known yet."""
    return openai_error if path.startswith(OPENAI_PREFIXES) else tei_error
