"""Answers to columns of texts, for frames that other engines keep."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from edgebert_runtime.batch.answering import Answering
from edgebert_runtime.batch.chunks import Chunk
from edgebert_runtime.batch.kept import ERROR
from edgebert_runtime.batch.settings import MAX_CHARS, JobSettings
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.io.arrow import answer_arrays, schema_of
from edgebert_runtime.loading.model_opener import load_model
from edgebert_runtime.loading.options import LoadOptions


class ColumnAnswers:
    """One model, which answers columns of texts as a batch job answers those of its sources.

    A row that cannot be answered has null answers, and what is wrong in `_error`: where a text is
    null, no text, or too long.

    Args:
        bundle: folder of a bundle, or its name on the Hub.
        columns: names of the columns of texts, one or two.
        variant: as `load` takes it.
        provider: likewise.
        task: of the bundle; None is its default.
        question: the first text of every item, for a task that has one.
        task_options: arguments of the task's method, such as `top_k`.
        max_chars: longest text that is run, in characters.
        options: of `load`, such as `threads=1`.

    Attributes:
        schema: Arrow's, of the answers and `_error`.

    Raises:
        EdgebertError: as `load`; `ConfigError` also where columns or options do not fit the task.
    """

    def __init__(
        self,
        bundle: str,
        columns: Sequence[str],
        variant: str = "auto",
        provider: str = "auto",
        task: str | None = None,
        question: str | None = None,
        task_options: Mapping[str, Any] | None = None,
        max_chars: int = MAX_CHARS,
        **options: Any,
    ) -> None:
        import pyarrow

        column, *others = columns
        self._model = load_model(bundle, variant, LoadOptions.of(provider, **options), task)
        settings = JobSettings(
            task=self._model.info().task,
            options=task_options or {},
            column=column,
            column_pair=others[0] if others else None,
            question=question,
            max_chars=max_chars,
        )
        self._answering = Answering(self._model, settings)
        answers = schema_of(self._answering.columns)
        self.schema = answers.append(pyarrow.field(ERROR, pyarrow.string()))

    def answer(self, *columns: Sequence[Any]) -> dict[str, Any]:
        """An Arrow array for each field of the schema.

        Args:
            columns: the texts of the rows, or their first texts and their second ones.

        Raises:
            EngineError: the graph could not be run.
        """
        import pyarrow

        texts = list(zip(*columns, strict=True))
        answered = self._answering.answer(Chunk(None, texts, [None] * len(texts), []))
        arrays = answer_arrays(self._answering.columns, answered.records)
        return arrays | {ERROR: pyarrow.array(answered.problems, pyarrow.string())}

    def require_new(self, names: Sequence[str]) -> None:
        """Refuse a frame that has a column of the answers already.

        Raises:
            ConfigError: it has one.
        """
        for name in names:
            if name in self.schema.names:
                raise ConfigError(f"there is a column {name!r} already; rename or drop it first")

    def close(self) -> None:
        """Give the model's memory back."""
        self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
