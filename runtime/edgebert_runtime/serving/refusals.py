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
from edgebert_runtime.serving.exchange import RequestRefusedError


def refusal_of(error: Exception) -> RequestRefusedError:
    """The status and the message for an error; what is unknown is told without its message."""
    if isinstance(error, RequestRefusedError):
        return error
    if isinstance(error, InputError | ConfigError):
        return RequestRefusedError(400, str(error))
    if isinstance(error, OverloadedError):
        return RequestRefusedError(429, str(error), {"Retry-After": f"{ceil(error.retry_after)}"})
    if isinstance(error, ServiceClosedError | ModelClosedError):
        return RequestRefusedError(503, str(error))
    if isinstance(error, EngineError):
        return RequestRefusedError(500, f"the engine failed on this request: {error}")
    return RequestRefusedError(500, "the server failed on this request; its log says where")
