"""From an error to what its client is told."""

from math import ceil

from edgebert_runtime.errors import (
    ConfigError,
    EngineError,
    InputError,
    ModelClosedError,
    OverloadedError,
    ServiceClosedError,
)
from edgebert_runtime.serving.exchange import RequestRefused
from edgebert_runtime.serving.receiving import CLOSE


def refusal_of(error: Exception) -> RequestRefused:
    """The status and the message for an error; what is unknown is told without its message."""
    if isinstance(error, RequestRefused):
        return error
    if isinstance(error, InputError | ConfigError):
        return RequestRefused(400, str(error))
    if isinstance(error, OverloadedError):
        return RequestRefused(429, str(error), {"Retry-After": f"{ceil(error.retry_after)}"})
    if isinstance(error, ServiceClosedError | ModelClosedError):
        return RequestRefused(503, str(error), CLOSE)
    if isinstance(error, EngineError):
        return RequestRefused(500, f"the engine failed on this request: {error}")
    return RequestRefused(500, "the server failed on this request; its log says where")
