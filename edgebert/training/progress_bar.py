"""A progress bar with loss and learning rate, on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgebert.training.loop import StepCallback


@contextmanager
def progress_bar() -> Iterator[StepCallback]:
    """Yield the callback for each step; nothing is shown unless standard error is a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("step"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}, rate {task.fields[rate]:.1e}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("train", total=None, loss=0.0, rate=0.0)

        def show(step: int, steps: int, loss: float, rate: float) -> None:
            bar.update(task, completed=step, total=steps, loss=loss, rate=rate)

        yield show
