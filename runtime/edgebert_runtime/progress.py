"""How work that takes long says how far it is: on a terminal, to a caller's function, or in a log.

`steps` is for work that has names for its parts, `Meter` for work that can be counted.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Self, TextIO

MINUTE: Final = 60.0
"""Seconds between two lines where standard error is no terminal."""

SECOND: Final = 1.0
"""Seconds between two calls of a caller's function."""

BETWEEN: Final = 0.1
"""Seconds between two drawings of a bar."""

SHORT: Final = 2.0
"""A call of fewer seconds draws no bar."""

FEW: Final = 10
"""A rate below this has a decimal."""

WIDTH: Final = 24
USUAL_COLUMNS: Final = 80

Clock = Callable[[], float]


class ProgressEvent(str):
    """A line of text about work that goes on; of counted work with its numbers.

    Attributes:
        done: how many of the things that are counted are done; None of a step, which has no count.
        total: how many there are; None if unknown.
    """

    done: int | None
    total: int | None

    def __new__(cls, line: str, *, done: int | None = None, total: int | None = None) -> Self:
        """A line with its numbers."""
        event = super().__new__(cls, line)
        event.done, event.total = done, total
        return event


ProgressCallback = Callable[[str], None]
"""Called with one line of text at the start of each step."""

ProgressOption = bool | Callable[[ProgressEvent], None] | None
"""What callers pass: None shows progress if standard error is a terminal, True always, False never.
A function is called with each `ProgressEvent`."""


class Count(NamedTuple):
    """How far counted work is.

    Attributes:
        done: those that have their answer.
        total: those in all; None if unknown.
        seconds: since the start.
        what: they are, in the plural.
        rated: whether to say how many a second; those that take long have no such number.
    """

    done: int
    total: int | None
    seconds: float
    what: str = "texts"
    rated: bool = True

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def speed(self) -> str:
        """The rate in words, behind a comma; nothing of what has none."""
        digits = 1 if 0 < self.rate < FEW else 0
        return f", {self.rate:,.{digits}f} {self.what}/s" if self.rated else ""


@dataclass(frozen=True, kw_only=True)
class View:
    """Where counted work is shown.

    Attributes:
        line: the text that is shown.
        show: shows it.
        end: what follows the last line.
        delay: seconds before the first line.
        every: seconds between two lines.
        last: whether there is a last line; None if there was one before.
    """

    line: Callable[[Count], str]
    show: Callable[[ProgressEvent], None]
    end: Callable[[], None] = lambda: None
    delay: float = 0.0
    every: float = 0.0
    last: bool | None = True


class Meter:
    """Counts what is done and shows it as often as the view wants; may be updated by many threads.

    Args:
        total: how many there will be, or a function that says it when the first line is shown; None
            where nobody knows.
        view: where it is shown; None shows nothing.
        what: is counted, in the plural.
        rated: whether to say how many a second.
        clock: the time in seconds.
    """

    def __init__(
        self,
        total: int | Callable[[], int] | None,
        view: View | None,
        *,
        what: str = "texts",
        rated: bool = True,
        clock: Clock = time.monotonic,
    ) -> None:
        self.done = 0
        self._total, self._view, self._clock = total, view, clock
        self._what, self._rated = what, rated
        self._begun = clock()
        self._due = self._begun + (view.delay if view else 0.0)
        self._shown: int | None = None
        self._note = ""
        self._lock = threading.Lock()

    def update(self, done: int, note: str = "") -> None:
        """Say how many are done, and what else there is to say."""
        if self._view is None:
            return
        with self._lock:
            self.done, self._note = max(done, self.done), note
            now = self._clock()
            if now >= self._due:
                self._due = now + self._view.every
                self._show(self._view, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Show the last state, if the view wants it."""
        view, before = self._view, self._shown is not None
        if view is None or not (before if view.last is None else view.last):
            return
        if self._shown != self.done:
            self._show(view, self._clock())
        view.end()

    def _show(self, view: View, now: float) -> None:
        if callable(self._total):
            self._total = self._total()
        self._shown = self.done
        line = view.line(Count(self.done, self._total, now - self._begun, self._what, self._rated))
        noted = f"{line}, {self._note}" if self._note else line
        view.show(ProgressEvent(noted, done=self.done, total=self._total))


def view_of(progress: ProgressOption, *, delay: float = SHORT) -> View | None:
    """Where a caller wants to see counted work.

    Args:
        progress: None is a bar on a terminal, for calls of the main thread: two bars on one line
            are none.
        delay: seconds before a bar is drawn.
    """
    if callable(progress):
        return View(line=count_line, show=progress, every=SECOND)
    stream = sys.stderr
    terminal = _is_terminal(stream)
    usual = terminal and threading.current_thread() is threading.main_thread()
    if not (usual if progress is None else progress):
        return None
    return bar_view(stream, delay=delay) if terminal else line_view(write_line)


def bar_view(stream: TextIO, *, delay: float = 0.0) -> View:
    """A bar on a terminal."""

    def end() -> None:
        _write("\n", stream)

    return View(
        line=bar_line,
        show=lambda event: _draw(event, stream),
        end=end,
        delay=delay,
        every=BETWEEN,
        last=None if delay else True,
    )


def line_view(write: ProgressCallback, *, last: bool = True) -> View:
    """A line a minute, and one at the end unless something else is said there."""
    return View(line=count_line, show=write, delay=MINUTE, every=MINUTE, last=last)


def count_line(count: Count) -> str:
    """What a log has: "12,000 of 48,000 texts, 812 texts/s"."""
    of = f" of {count.total:,}" if count.total else ""
    return f"{count.done:,}{of} {count.what}{count.speed}"


def bar_line(count: Count) -> str:
    """What a terminal has: how much of it is done, how fast, and how long the rest will take."""
    done, total = count.done, count.total
    if not total:
        return f"{done:,} {count.what}{count.speed}"
    filled = WIDTH * done // total
    bar = "#" * filled + "-" * (WIDTH - filled)
    rest = (total - done) / count.rate if count.rate else 0.0
    left = f", {clock_time(rest)} left" if rest else ""
    return f"[{bar}] {100 * done // total:3d}% {done:,}/{total:,} {count.what}{count.speed}{left}"


@contextmanager
def steps(progress: ProgressOption, *, beats: bool = True) -> Iterator[ProgressCallback]:
    """Yield what is to be told of each step, for work whose parts have names.

    Shown steps are lines on standard error, with the seconds of all of them at the end.

    Args:
        progress: who wants to know.
        beats: outside a terminal, say once a minute that a step still goes on; not for work that
            counts.
    """
    if callable(progress):
        told = progress  # for the type checker, in the function below
        yield lambda line: told(line if isinstance(line, ProgressEvent) else ProgressEvent(line))
    elif not (_is_terminal(sys.stderr) if progress is None else progress):
        yield lambda _: None
    else:
        begun = time.monotonic()
        with still("", beats=beats) as heart:
            yield heart.tell
        write_line(f"done in {clock_time(time.monotonic() - begun)}")


class Heart:
    """Writes each step, and says once a minute that the last one still goes on.

    Args:
        write: takes a line.
        step: what goes on at first.
        clock: the time in seconds.
    """

    def __init__(self, write: ProgressCallback, step: str, clock: Clock = time.monotonic) -> None:
        self._write, self._step, self._clock = write, step, clock
        self._since = clock()

    def tell(self, step: str) -> None:
        """Begin another step."""
        self._step, self._since = step, self._clock()
        self._write(step)

    def beat(self, stopped: Callable[[float], bool]) -> None:
        """Until it is stopped, a line a minute.

        Args:
            stopped: waits at most so many seconds, and says whether it was.
        """
        while not stopped(MINUTE):
            seconds = self._clock() - self._since
            if self._step and seconds >= MINUTE:
                self._write(f"{self._step}: {clock_time(seconds)} so far")


@contextmanager
def still(step: str, *, beats: bool = True) -> Iterator[Heart]:
    """Say once a minute that a step still goes on, where standard error is no terminal.

    Args:
        step: what goes on; nothing is written within the first minute.
        beats: whether to say so.
    """
    heart, stop = Heart(write_line, step), threading.Event()
    if not beats or _is_terminal(sys.stderr):
        yield heart
        return
    thread = threading.Thread(target=heart.beat, args=(stop.wait,), daemon=True)
    thread.start()
    try:
        yield heart
    finally:
        stop.set()
        thread.join()


def write_line(line: str) -> None:
    """Write a line to standard error, over a bar that may stand there."""
    stream = sys.stderr
    if stream is None:  # a program without a console
        return
    over = f"\r{line:<{_columns(stream)}}" if _is_terminal(stream) else line
    _write(f"{over}\n", stream)


def _write(text: str, stream: TextIO) -> None:
    """What cannot be said is left unsaid: the work goes on."""
    with suppress(OSError):
        stream.write(text)
        stream.flush()


def clock_time(seconds: float) -> str:
    """Minutes and seconds, and hours if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _is_terminal(stream: TextIO | None) -> bool:
    """Programs without a console have no standard error."""
    return stream is not None and stream.isatty()


def _draw(line: str, stream: TextIO) -> None:
    columns = _columns(stream)
    _write(f"\r{line[:columns]:<{columns}}", stream)


def _columns(stream: TextIO) -> int:
    """How many characters fit, less the one that would make some terminals begin a new line."""
    try:
        return (os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS) - 1
    except OSError:
        return USUAL_COLUMNS - 1
