"""How far a long run is: in one line of a terminal, elsewhere in a line a minute."""

import time
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from edgebert_runtime.progress import (
    MINUTE,
    Clock,
    Count,
    Meter,
    ProgressOption,
    bar_view,
    line_view,
    write_line,
)

if TYPE_CHECKING:
    from edgebert_runtime.tasks.base import TaskModel

Item = TypeVar("Item")

say = write_line
"""Write a line to standard error, over a bar that may stand there."""


def counted(
    items: Iterable[Item],
    total: Callable[[], int] | None,
    stream: TextIO,
    *,
    what: str = "texts",
    rated: bool = True,
    clock: Clock = time.monotonic,
) -> Generator[Item, None, None]:
    """The items, with lines that say how many there were.

    Args:
        items: passed on one by one.
        total: says how many there will be, when there is a line to show; None where nobody knows.
        stream: standard error.
        what: they are.
        rated: whether to say how many a second; those that take long have no such number.
        clock: the time in seconds.
    """
    view = bar_view(stream) if stream.isatty() else line_view(say, last=False)
    with Meter(total, view, what=what, rated=rated, clock=clock) as meter:
        meter.update(0)
        for done, item in enumerate(items, 1):
            yield item
            meter.update(done)


def progress_at_once(stream: TextIO, clock: Clock = time.monotonic) -> ProgressOption:
    """Who sees the progress of a task that answers all items at once: as `counted` shows it.

    Args:
        stream: standard error.
        clock: the time in seconds.
    """
    if stream.isatty():
        return None
    due = clock() + MINUTE

    def show(event: str) -> None:
        nonlocal due
        if clock() >= due:
            due += MINUTE
            say(event)

    return show


def summary_line(model: "TaskModel[Any]", seconds: float) -> str:
    """What a model's last call did: rows, those that were cut, the variant, and how fast.

    Args:
        model: that was called.
        seconds: the call took.
    """
    report = model.last_report
    rows, cut = (report.texts, report.truncated) if report else (0, ())
    limit = f" to {cut[0].limit} tokens" if cut else ""
    speed = Count(rows, None, seconds).speed
    return f"{rows:,} rows, {len(cut):,} cut{limit}, {variant_line(model)}{speed}"


def variant_line(model: "TaskModel[Any]") -> str:
    """The variant that runs, its precision, and where."""
    info = model.info()
    return f"variant {info.variant!r} ({info.precision}) on {info.provider}"
