"""Errors in the shapes that clients read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime.serving.schemas.check import Schema
from edgebert_runtime.serving.schemas.parts import TEXT, optional, record

OPENAI_TYPES: Final = MappingProxyType(
    {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
)
"""Status → `type` of OpenAI, where it is not that of every wrong request or of every failure."""

CODES: Final = MappingProxyType(
    {401: "invalid_api_key", 404: "not_found", 429: "rate_limit_exceeded"}
)
"""Status → `code` of OpenAI; null for others."""

KINDS: Final = MappingProxyType(
    {401: "Unauthorized", 404: "NotFound", 429: "Overloaded", 503: "Unhealthy"}
)
"""Status → `error_type` of text-embeddings-inference, likewise."""

FAILURE: Final = 500
"""From this status on it was not the request."""


def openai_error(status: int, message: str) -> Mapping[str, Any]:
    """As OpenAI (https://platform.openai.com/docs/guides/error-codes)."""
    usual = "server_error" if status >= FAILURE else "invalid_request_error"
    return {
        "error": {
            "message": message,
            "type": OPENAI_TYPES.get(status, usual),
            "param": None,
            "code": CODES.get(status),
        }
    }


def rerank_error(status: int, message: str) -> Mapping[str, Any]:
    """As Cohere, whose clients read `message`, and as OpenAI."""
    return {"message": message, **openai_error(status, message)}


def tei_error(status: int, message: str) -> Mapping[str, Any]:
    """As text-embeddings-inference: `error` and `error_type`."""
    usual = "Backend" if status >= FAILURE else "Validation"
    return {"error": message, "error_type": KINDS.get(status, usual)}


OPENAI_ERROR: Final = record(
    message=TEXT,
    type=TEXT,
    param=optional(TEXT, "Always null."),
    code=optional(TEXT, "A word for some errors."),
)
SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        openai_error.__name__: record(error=OPENAI_ERROR),
        rerank_error.__name__: record(message=TEXT, error=OPENAI_ERROR),
        tei_error.__name__: record(error=TEXT, error_type=TEXT),
    }
)
"""Name of what makes the body of an error → its schema."""
