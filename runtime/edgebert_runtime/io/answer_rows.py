"""What a task's model makes of a stream of texts: one record after the other."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from itertools import tee
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from edgebert_runtime.io.readers import Source
from edgebert_runtime.io.writers import Columns, Record, VectorType

Options = Mapping[str, Any]
"""Arguments of the model's method by name, all but the texts."""

Items = Iterator[Any]
"""Texts, or pairs of them."""


class Answers(NamedTuple):
    """Records that are made when they are taken, and the columns all of them have."""

    columns: Columns
    records: Generator[Record, None, None]


class Task(NamedTuple):
    """How a task's model is called.

    Attributes:
        columns: of an answer.
        answer: the answers to items, as an iterator.
        one_each: whether every item has an answer of its own, which is told beside the item.
    """

    columns: Callable[[Any, Options], Columns]
    answer: Callable[[Any, Items, Options], Iterable[Record]]
    one_each: bool = True


def answer_rows(task: str, model: Any, source: Source, options: Options) -> Answers:
    """Answer rows of texts, which are read as far as answers are taken, but for `rank`.

    Args:
        task: the model's.
        model: what `load` gave.
        source: texts, or pairs of them.
        options: arguments of the model's method.

    Raises:
        ConfigError: options that the model refuses.
    """
    columns = TASKS[task].columns(model, options)
    if TASKS[task].one_each:
        columns = dict.fromkeys(source.names, str) | dict(columns)
    return Answers(columns, _records(TASKS[task], model, source, options))


def _records(
    task: Task, model: Any, source: Source, options: Options
) -> Generator[Record, None, None]:
    if not task.one_each:
        yield from task.answer(model, map(_item, source.rows), options)
        return
    shown, run = tee(source.rows)
    for row, found in zip(shown, task.answer(model, map(_item, run), options), strict=True):
        yield dict(zip(source.names, row, strict=True)) | dict(found)


def _item(row: tuple[Any, ...]) -> Any:
    return row[0] if len(row) == 1 else row


def _vector_columns(model: Any, options: Options) -> Columns:
    none = model.embed([], **options)
    return {"embedding": VectorType(none.dtype.str, none.shape[1])}


def _embed(model: Any, items: Items, options: Options) -> Iterator[Record]:
    return ({"embedding": vector} for vector in model.embed(items, **options))


def _label_columns(model: Any, options: Options) -> Columns:
    from edgebert_runtime.tasks.classify import Classification

    return {field.name: field.type for field in fields(Classification)}


def _classify(model: Any, items: Items, options: Options) -> Iterator[Record]:
    return map(asdict, model.classify(items, **options))


def _entity_columns(model: Any, options: Options) -> Columns:
    from edgebert_runtime.tasks.tag import Entity

    return {"entities": list[Entity]}


def _tag(model: Any, items: Items, options: Options) -> Iterator[Record]:
    return ({"entities": [*map(asdict, each)]} for each in model.tag(items, **options))


def _span_columns(model: Any, options: Options) -> Columns:
    from edgebert_runtime.tasks.answer import Answer

    return {"answers": list[Answer]}


def _answer(model: Any, items: Items, options: Options) -> Iterator[Record]:
    for context in items:
        found = model.answer(context=context, **options)
        yield {"answers": [*map(asdict, found)]}


def _document_columns(model: Any, options: Options) -> Columns:
    from edgebert_runtime.tasks.rank import RankedDocument

    return {field.name: field.type for field in fields(RankedDocument)}


def _rank(model: Any, items: Items, options: Options) -> Iterator[Record]:
    yield from map(asdict, model.rank(documents=[*items], **options))


def _filling_columns(model: Any, options: Options) -> Columns:
    from edgebert_runtime.tasks.fill import Filling

    return {"masks": list[list[Filling]]}


def _fill(model: Any, items: Items, options: Options) -> Iterator[Record]:
    for text in items:
        masks = model.fill(text, **options)
        yield {"masks": [[*map(asdict, mask)] for mask in masks]}


def _probability_columns(model: Any, options: Options) -> Columns:
    return {"probability": float}


def _score(model: Any, items: Items, options: Options) -> Iterator[Record]:
    return ({"probability": model.score(*pair, **options)} for pair in items)


TASKS: Final[Mapping[str, Task]] = MappingProxyType(
    {
        "embed": Task(_vector_columns, _embed),
        "classify": Task(_label_columns, _classify),
        "tag": Task(_entity_columns, _tag),
        "answer": Task(_span_columns, _answer),
        "rank": Task(_document_columns, _rank, one_each=False),
        "fill": Task(_filling_columns, _fill),
        "next_sentence": Task(_probability_columns, _score),
    }
)
"""Task → how its model answers a stream."""
