"""The answers of a bundle for Spark; needs `edgebert-runtime[spark]`, and no torch."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from uuid import uuid4

from pandas import DataFrame, Series
from pyarrow import Table
from pyspark import TaskContext
from pyspark.sql.functions import pandas_udf
from pyspark.sql.pandas.types import from_arrow_schema

from edgebert_runtime.batch.column_answers import ColumnAnswers


def answers_udf(bundle: str, *, pairs: bool = False, **options: Any) -> Any:
    """A pandas UDF whose struct holds the answers to a column of texts
    (https://spark.apache.org/docs/latest/api/python/tutorial/sql/arrow_pandas.html).

    A row that cannot be answered, such as one of a null text, has null answers and what is wrong in
    `_error`. Each Python worker opens the bundle once, with as many threads as a task has cores.

    Args:
        bundle: folder of a bundle that every node sees, or its name on the Hub.
        pairs: whether the UDF takes two columns, of first and of second texts.
        options: of `load`, such as `variant="int8"`; also `task`, `question` and `task_options`,
            arguments of the task's method by name.

    Raises:
        EdgebertError: as `load`; `ConfigError` also where columns or options do not fit the task.
    """
    columns = ("text", "text_pair") if pairs else ("text",)
    with ColumnAnswers(bundle, columns, **options) as opened:
        returned = from_arrow_schema(opened.schema)
    model = partial(_opened, uuid4().hex, bundle, columns, options)

    def answer(batches: Iterator[tuple[Series, ...]]) -> Iterator[DataFrame]:
        for batch in batches:
            texts = batch if pairs else (batch,)  # one column comes without a tuple
            yield Table.from_pydict(model().answer(*texts)).to_pandas()

    return pandas_udf(answer, returned)


_MODELS: Final[dict[str, ColumnAnswers]] = {}
"""Models that this Python worker keeps from task to task, one for each UDF."""


def _opened(
    key: str, bundle: str, columns: tuple[str, ...], options: dict[str, Any]
) -> ColumnAnswers:
    """The model of a UDF; found by name in a worker, so that its dictionary is the worker's own."""
    if key not in _MODELS:
        context = TaskContext.get()
        threads = 1 if context is None else context.cpus()
        _MODELS[key] = ColumnAnswers(bundle, columns, **{"threads": threads, **options})
    return _MODELS[key]
