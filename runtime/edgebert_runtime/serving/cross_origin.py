"""Requests of pages in browsers (https://fetch.spec.whatwg.org/#http-cors-protocol).

A browser names the page's origin in every request that a page sends elsewhere, and in every POST.
Where no origin is allowed, such requests are refused: a page of another site, which may reach a
server on loopback, can then use nothing of it.
"""

from collections.abc import Collection, Mapping
from typing import Final

from edgebert_runtime.serving.exchange import Request, RequestRefusedError, Response

ANY: Final = "*"
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
EXPOSED: Final = "X-Edgebert-Variant, Retry-After"


def headers_for(request: Request, allowed: Collection[str]) -> Mapping[str, str]:
    """The headers of every answer to a request; none where no page sent it.

    Raises:
        RequestRefusedError: a page sent it whose origin is not allowed.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return {}
    if ANY not in allowed and origin not in allowed:
        message = "the page's origin is not among those that --cors allows"
        raise RequestRefusedError(403, message)
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": EXPOSED,
        "Vary": "Origin",
    }


def preflight(request: Request) -> Response | None:
    """The answer to a browser that asks whether it may send a request; None to others."""
    asks = "access-control-request-method" in request.headers
    if request.method != "OPTIONS" or not asks:
        return None
    return Response(200, b"", PREFLIGHT)
