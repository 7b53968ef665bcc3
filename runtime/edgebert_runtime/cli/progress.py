"""How far a long run is, in one line of a terminal."""

import os
import sys
import time
from collections.abc import Generator, Iterable
from typing import Final, TextIO, TypeVar

Item = TypeVar("Item")

WIDTH: Final = 24
SECONDS_BETWEEN: Final = 0.1
USUAL_COLUMNS: Final = 80


def counted(
    items: Iterable[Item],
    total: int | None,
    stream: TextIO,
    *,
    what: str = "texts",
    rated: bool = True,
) -> Generator[Item, None, None]:
    """The items, with a line on a terminal that says how many there were.

    Args:
        items: passed on one by one.
        total: how many there will be; None where nobody knows.
        stream: the terminal.
        what: they are.
        rated: whether to say how many a second; those that take long have no such number.
    """
    begun = drawn = time.monotonic()
    done = 0

    def draw(seconds: float) -> None:
        _draw(progress_line(done, total, seconds, what=what, rated=rated), stream)

    draw(0)
    try:
        for item in items:
            yield item
            done += 1
            now = time.monotonic()
            if now - drawn >= SECONDS_BETWEEN:
                drawn = now
                draw(now - begun)
    finally:
        draw(time.monotonic() - begun)
        stream.write("\n")


def progress_line(
    done: int, total: int | None, seconds: float, *, what: str = "texts", rated: bool = True
) -> str:
    """What is shown after so many texts and seconds.

    Args:
        done: those that have their answer.
        total: those in all, or None.
        seconds: since the start.
        what: they are.
        rated: whether to say how many a second.
    """
    rate = done / seconds if seconds > 0 else 0.0
    speed = f", {rate:,.0f} {what}/s" if rated else ""
    if not total:
        return f"{done:,} {what}{speed}"
    filled = WIDTH * done // total
    bar = "#" * filled + "-" * (WIDTH - filled)
    left = f", {_clock((total - done) / rate)} left" if rate and done < total else ""
    return f"[{bar}] {100 * done // total:3d}% {done:,}/{total:,} {what}{speed}{left}"


def say(line: str) -> None:
    """Write a line to standard error, over a bar that may stand there."""
    stream = sys.stderr
    over = f"\r{line:<{_columns(stream)}}" if stream.isatty() else line
    stream.write(f"{over}\n")


def _draw(line: str, stream: TextIO) -> None:
    columns = _columns(stream)
    stream.write(f"\r{line[:columns]:<{columns}}")
    stream.flush()


def _columns(stream: TextIO) -> int:
    """How many characters fit, less the one that would make some terminals begin a new line."""
    try:
        return (os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS) - 1
    except OSError:
        return USUAL_COLUMNS - 1


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
