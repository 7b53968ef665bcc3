"""All routes as one document of OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime import __version__
from edgebert_runtime.serving.exchange import JSON
from edgebert_runtime.serving.metrics import MEDIA_TYPE
from edgebert_runtime.serving.pages import OPEN
from edgebert_runtime.serving.routes import error_body_of, routes_for
from edgebert_runtime.serving.routes.errors import SCHEMAS
from edgebert_runtime.serving.routes.route import ErrorBody, Route
from edgebert_runtime.serving.schemas.check import Schema
from edgebert_runtime.serving.schemas.parts import COUNT, TEXT, listed, optional, plain, record
from edgebert_runtime.tasks.registry import BUILT_IN

ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "The request is wrong; the message says what.",
        401: "A key of the server is missing.",
        404: "There is no such model.",
        405: "The path takes another method.",
        408: "The body did not come in time.",
        413: "The body is too large, or has too many texts.",
        415: "The body is compressed.",
        429: "Too much waits; `Retry-After` says when to come again.",
        431: "The headers are too long.",
        500: "The server failed on this request.",
        503: "The server ends.",
    }
)
"""Status → what it means."""

OF_PAGES: Final = (401, 405, 431, 500)

MODEL: Final = record(
    id=TEXT,
    object={"type": "string", "enum": ("model",)},
    created=COUNT,
    owned_by=TEXT,
    task=TEXT,
    precision=TEXT,
    variant=TEXT,
    max_length=COUNT,
    dimensions=optional(COUNT, "Of a vector; null for tasks that give none."),
)
MODELS: Final = record(object=TEXT, data=listed(MODEL))
STATUS: Final = record(status=TEXT)

PAGES: Final[Mapping[str, tuple[str, str, Schema]]] = MappingProxyType(
    {
        "/health": ("Whether every queue moves", JSON, STATUS),
        "/ready": ("Whether requests should come", JSON, STATUS),
        "/metrics": ("Numbers for Prometheus", MEDIA_TYPE, TEXT),
        "/info": ("What runs", JSON, {"type": "object"}),
        "/v1/models": ("The bundles, as OpenAI lists models", JSON, MODELS),
    }
)
"""Path of a page → what it is for, its type and its schema."""

VARIANT: Final = {
    "X-Edgebert-Variant": {
        "description": "The variant that answered.",
        "schema": {"type": "string"},
    }
}


def openapi(tasks: Sequence[str] = BUILT_IN) -> dict[str, Any]:
    """The routes of bundles of some tasks, and the pages of the server.

    Where bundles of several tasks answer at one path, its schemas are those of all of them.

    Args:
        tasks: of the bundles.

    Raises:
        ConfigError: there is no such task.
    """
    paths: dict[str, Any] = {path: {"get": _page(path)} for path in PAGES}
    for path, routes in sorted(_by_path(tasks).items()):
        paths[path] = {"post": _operation(path, routes)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edgebert-run serve",
            "version": __version__,
            "description": "Answers of bundles in the shapes of the clients that there are.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8080"}],
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": {name: plain(schema) for name, schema in SCHEMAS.items()},
            "responses": dict(_error_responses()),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _by_path(tasks: Sequence[str]) -> dict[str, list[Route]]:
    """The routes at each path, each once."""
    found: dict[str, list[Route]] = {}
    for task in tasks:
        for (_, path), route in routes_for(task).items():
            same = found.setdefault(path, [])
            if route not in same:
                same.append(route)
    return found


def _operation(path: str, routes: Sequence[Route]) -> dict[str, Any]:
    asked = plain(_any_of(route.request_schema for route in routes))
    answered = plain(_any_of(route.response_schema for route in routes))
    tasks = sorted({task for route in routes for task in route.tasks or ()})
    return {
        "operationId": _id("post", path),
        "summary": routes[0].summary if len(routes) == 1 else "In the shape of the bundle's task",
        "description": f"Of bundles of: {', '.join(tasks)}." if tasks else "Of every bundle.",
        "requestBody": {"required": True, "content": {JSON: {"schema": asked}}},
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": VARIANT,
                "content": {JSON: {"schema": answered}},
            },
            **_errors(routes[0].error_body, ERRORS),
        },
    }


def _page(path: str) -> dict[str, Any]:
    summary, media_type, schema = PAGES[path]
    answers: dict[str, Any] = {
        "200": {"description": summary, "content": {media_type: {"schema": plain(schema)}}},
        **_errors(error_body_of(path), OF_PAGES),
    }
    if path in OPEN:
        answers["503"] = {"description": "It is not.", "content": {JSON: {"schema": plain(STATUS)}}}
    return {"operationId": _id("get", path), "summary": summary, "responses": answers}


def _errors(shape: ErrorBody, statuses: Iterable[int]) -> dict[str, Any]:
    """The errors of an operation, each by its place among the components."""
    name = _name(shape)
    return {str(status): {"$ref": f"#/components/responses/{name}_{status}"} for status in statuses}


def _error_responses() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in SCHEMAS:
        content = {JSON: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        for status, description in ERRORS.items():
            yield f"{name}_{status}", {"description": description, "content": content}


def _name(shape: ErrorBody) -> str:
    return str(getattr(shape, "__name__", shape))


def _any_of(schemas: Iterable[Schema]) -> Schema:
    """Schemas as one, each once."""
    different: list[Schema] = []
    for schema in schemas:
        different += (each for each in schema.get("anyOf", (schema,)) if each not in different)
    return different[0] if len(different) == 1 else {"anyOf": different}


def _id(method: str, path: str) -> str:
    words = path.replace("-", "_").strip("/").replace("/", "_")
    return f"{method}_{words or 'root'}"
