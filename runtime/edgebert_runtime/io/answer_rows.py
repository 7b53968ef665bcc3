"""What a task's model makes of a stream of texts: one record after the other."""

from collections.abc import Generator, Iterable
from itertools import tee
from typing import Any, NamedTuple

from edgebert_runtime.errors import InputError
from edgebert_runtime.io.readers import Source
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tasks.places import placed
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
        InputError: while records are taken: a row that the model refuses, by its file and line.
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
    items, answered = (_item(row.values, question) for row in run), 0
    try:
        if spec.answer_all is not None:
            yield from map(spec.record, spec.answer_all(model, items, options, progress))
            return
        for found in model.predict(items, options, progress=False):
            texts = zip(source.names, next(shown).values, strict=True)
            answered += 1
            yield dict(texts) | dict(spec.record(found))
    except InputError as error:
        raise placed(error, (row.place for row in shown), answered) from error


def _item(texts: tuple[str, ...], question: str | None) -> Any:
    whole = texts if question is None else (question, *texts)
    return whole[0] if len(whole) == 1 else whole
