"""Why a module of somebody else's failed, in the words of torch and with the line of the module."""

import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch

ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""Colours of a terminal (ECMA-48, 5.4)."""

MOST_LINES: Final = 12

NOISE: Final = (
    "Caused by: (_export",
    "For C++ stack trace",
    "For extended logs",
    "For more ",
    "If you suspect the guard",
    "The error above occurred",
    "To see more",
)
"""How lines begin that say how to see more of torch, and nothing of the module."""

OURS: Final = Path(__file__).parents[1]


def reason_of(error: BaseException) -> str:
    """The message of the first cause, without escape codes, and where in the module it happened.

    Args:
        error: as torch raised it; the first of its chain of causes says why.

    Returns:
        At most `MOST_LINES` lines of the message, and the line of the module.
    """
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = list(_telling(str(cause))) or ["no reason given"]
    kept = [*lines[:MOST_LINES], *(["…"] if len(lines) > MOST_LINES else [])]
    text = "\n".join([f"{type(cause).__name__}: {kept[0]}", *kept[1:]])
    place = _place(cause)
    return f"{text}\nat {place}" if place else text


def _telling(message: str) -> Iterator[str]:
    for line in ESCAPES.sub("", message).splitlines():
        if line.strip() and not line.strip().startswith(NOISE):
            yield line.rstrip()


def _place(error: BaseException) -> str | None:
    """The innermost line that is neither torch's nor ours."""
    foreign = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not _is_inside(frame.filename)
    ]
    if not foreign:
        return None
    last = foreign[-1]
    return f"{last.filename}:{last.lineno}, in {last.name}: {(last.line or '').strip()}"


def _is_inside(file: str) -> bool:
    homes = (Path(torch.__file__).parent, OURS)
    return any(Path(file).is_relative_to(home) for home in homes)
