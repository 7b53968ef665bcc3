"""The answers of a bundle for Ray Data; needs `edgebert-runtime[ray]`, and no torch."""

from typing import Any

import ray
from pyarrow import Table

from edgebert_runtime.batch.column_answers import ColumnAnswers


class EdgebertAnswers:
    """Adds columns of answers to a dataset: a class for `Dataset.map_batches`
    (https://docs.ray.io/en/latest/data/api/doc/ray.data.Dataset.map_batches.html).

    A row that cannot be answered, such as one of a null text, has null answers and what is wrong in
    `_error`; the rest of the dataset goes on. The model has as many threads as its actor has CPUs.

    Args:
        bundle: folder of a bundle, or its name on the Hub.
        column: where texts are.
        column_pair: where second texts are; None where items are one text.
        options: of `load`, such as `variant="int8"`; also `task`, `question` and `task_options`,
            arguments of the task's method by name.

    Raises:
        EdgebertError: as `load`; `ConfigError` also where columns or options do not fit the task.
    """

    def __init__(
        self, bundle: str, column: str = "text", column_pair: str | None = None, **options: Any
    ) -> None:
        self._columns = (column,) if column_pair is None else (column, column_pair)
        booked = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
        threads = max(int(booked), 1)  # Ray bounds OpenMP by it, which the model does not ask
        self._answers = ColumnAnswers(bundle, self._columns, **{"threads": threads, **options})

    def __call__(self, batch: Table) -> Table:
        """The rows with their answers."""
        self._answers.require_new(batch.column_names)
        texts = [batch.column(name).to_pylist() for name in self._columns]
        for name, array in self._answers.answer(*texts).items():
            batch = batch.append_column(name, array)
        return batch

    @staticmethod
    def settings(workers: int, threads: int = 1) -> dict[str, Any]:
        """Arguments of `map_batches` that fit this class.

        Args:
            workers: how many actors, each with its own model.
            threads: of each, and CPUs that it books.
        """
        return {
            "batch_format": "pyarrow",
            "batch_size": 2048,  # more texts are not faster, and take memory of the object store
            "compute": ray.data.ActorPoolStrategy(size=workers),
            "num_cpus": threads,
            "zero_copy_batch": True,
        }
