"""What comes in and what goes out: a request, a response, and JSON between them and values.

`orjson` reads and writes where it is installed; the rest gives the same values without it.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, Final, NoReturn

import numpy as np

from edgebert_runtime.errors import EdgebertError, InputError

try:
    import orjson
except ImportError:
    orjson = None

JSON: Final = "application/json"

MANY_BYTES: Final = sys.maxsize if orjson else 1024
"""A body from here on may have many texts, whose answers are better written in another thread:
they would hold up everybody else. `orjson` is fast, and lets no other thread run meanwhile."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks.

    Attributes:
        method: in capitals.
        path: decoded, without the query.
        query: name → its last value.
        headers: name in small letters → its last value.
        body: all of it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What a client is answered.

    Attributes:
        status: of HTTP.
        body: all of it.
        headers: beside the length and the type.
        media_type: of the body.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


class RequestRefusedError(EdgebertError):
    """A request that is answered with an error of HTTP.

    Correct the request as the message says.

    Attributes:
        status: of the answer.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers: Mapping[str, str] = headers or {}


def read_json(body: bytes) -> Any:
    """The value of a body.

    Raises:
        InputError: it is not JSON in UTF-8, or has NaN or an infinity, which JSON has not.
    """
    try:
        return orjson.loads(body) if orjson else _read_slowly(body)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are such
        raise InputError(f"the body is not JSON in UTF-8 ({error}); send one JSON value") from error


def write_json(value: Any) -> bytes:
    """A value as JSON in UTF-8: also of dataclasses and of arrays of numpy.

    Raises:
        ValueError, TypeError: it has NaN, or what JSON has not.
    """
    if orjson:
        fast: bytes = orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
        return fast
    text = json.dumps(
        value, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return text.encode()


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A response with a JSON value."""
    return Response(status, write_json(value), headers or {})


def _read_slowly(body: bytes) -> Any:
    return json.loads(str(body, "utf-8"), parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _plain(value: Any) -> Any:
    """What JSON has for a value that it has not."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
