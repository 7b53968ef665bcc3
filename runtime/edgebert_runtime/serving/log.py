"""What happens, as JSON lines on standard error; texts of clients are never among it."""

import json
import logging
import time
import traceback
from collections.abc import Iterator
from typing import Final

from edgebert_runtime.errors import EngineError
from edgebert_runtime.progress import write_line

LOGGERS: Final = ("uvicorn.error", "asyncio")
"""Loggers below the server, of which errors are written; a client's mistakes are not errors."""


def write_event(event: str, **fields: object) -> None:
    """Write a line: the time in UTC, what happened, and more of it."""
    now = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    line = {"time": f"{moment}.{int(now % 1 * 1000):03d}Z", "event": event, **fields}
    write_line(json.dumps(line))


def write_failure(route: str, error: Exception) -> None:
    """Say where a request failed: messages of unknown errors may hold texts and are left out."""
    message = str(error) if isinstance(error, EngineError) else None
    write_event(
        "failed",
        route=route,
        error=type(error).__name__,
        message=message,
        frames=[] if message else list(_frames(error)),
    )


def redirect_loggers() -> None:
    """Write errors of what runs below the server as lines of this log, without tracebacks."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
        if not any(isinstance(each, _Lines) for each in logger.handlers):
            logger.addHandler(_Lines())


class _Lines(logging.Handler):
    """Writes records as events."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        write_event(
            "error",
            logger=record.name,
            message=str(record.msg).strip(),  # without its arguments, which may be anything
            error=type(error).__name__ if error else None,
            frames=list(_frames(error)) if error else [],
        )


def _frames(error: BaseException) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{frame.filename}:{frame.lineno} {frame.name}"
