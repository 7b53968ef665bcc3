"""What a task's model makes of a stream of texts: one record after the other."""

from collections.abc import Generator, Iterable
from itertools import tee
from typing import Any, NamedTuple

from edgebert_runtime.io.readers import Source
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tasks.spec import Columns, PartRows, Record, TaskSpec


class Answers(NamedTuple):
    """Records that are made when they are taken, and the columns all of them have."""

    columns: Columns
    records: Generator[Record, None, None]


def answer_rows(
    spec: TaskSpec,
    model: TaskModel[Any],
    source: Source,
    options: TaskOptions,
    question: str | None = None,
    *,
    progress: Any = False,
) -> Answers:
    """Answer rows of texts, which are read as far as answers are taken.

    Args:
        spec: the model's task.
        model: what `load` gave.
        source: texts, or pairs of them.
        options: arguments of the task's method.
        question: the first text of every item, for a task that has one.
        progress: who sees how far it is where all items are answered at once, as `predict` takes
            it; elsewhere who takes the records counts them.

    Raises:
        ConfigError: options that the model refuses.
    """
    columns = spec.columns(model, options)
    if spec.answer_all is None:
        columns = dict.fromkeys(source.names, str) | dict(columns)
    return Answers(columns, _records(spec, model, source, options, question, progress))


def part_rows(parts: PartRows, records: Iterable[Record]) -> Answers:
    """A record for each part of the answers, with the number of its item."""
    rows = (
        {"item": number, **row}
        for number, record in enumerate(records)
        for row in parts.rows(record)
    )
    return Answers({"item": int, **parts.columns}, rows)


def _records(
    spec: TaskSpec,
    model: TaskModel[Any],
    source: Source,
    options: TaskOptions,
    question: str | None,
    progress: Any,
) -> Generator[Record, None, None]:
    shown, run = tee(source.rows)
    items = (_item(row, question) for row in run)
    if spec.answer_all is not None:
        yield from map(spec.record, spec.answer_all(model, items, options, progress))
        return
    for row, found in zip(shown, model.predict(items, options, progress=False), strict=True):
        yield dict(zip(source.names, row, strict=True)) | dict(spec.record(found))


def _item(row: tuple[Any, ...], question: str | None) -> Any:
    texts = row if question is None else (question, *row)
    return texts[0] if len(texts) == 1 else texts
