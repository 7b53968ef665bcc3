"""Answers to the rows of a unit, of which some may be bad."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from edgebert_runtime.batch.chunks import Chunk
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tasks.spec import Columns, Record, TaskSpec
from edgebert_runtime.tokenization.items import check_text


class Answered(NamedTuple):
    """What became of the rows of a chunk.

    Attributes:
        records: an answer a row; None of a bad one.
        problems: what is wrong with a row; None of a good one.
        cut: texts that were longer than the model takes.
    """

    records: list[Record | None]
    problems: list[str | None]
    cut: int


class Answering:
    """Answers chunks of rows with one model.

    Args:
        model: what `load` gave.
        settings: of the job.

    Attributes:
        columns: of every answer.

    Raises:
        ConfigError: the task has no answer to a row alone, or refuses its options.
    """

    def __init__(self, model: TaskModel[Any], settings: JobSettings) -> None:
        spec = require_task(settings.task)
        _check_texts(spec, settings)
        self._model, self._settings = model, settings
        self._options = task_options(spec, settings)
        model.check_options(self._options)
        self.columns, self._record = _row_of(spec, model, self._options)

    def answer(self, chunk: Chunk) -> Answered:
        """Answer the rows of a chunk.

        Raises:
            InputError: one is bad, and bad rows end the job.
            EngineError: the graph could not be run.
        """
        problems = [
            problem or self._problem(values)
            for values, problem in zip(chunk.texts, chunk.problems, strict=True)
        ]
        records: list[Record | None] = [None] * len(problems)
        good = [at for at, problem in enumerate(problems) if problem is None]
        items = [self._item(chunk.texts[at]) for at in good]
        cut = self._predict(good, items, records, problems)
        if self._settings.on_bad == "fail":
            self._require_good(chunk, problems)
        return Answered(records, problems, cut)

    def _problem(self, values: Sequence[object]) -> str | None:
        """Why the texts of a row cannot be run."""
        for name, value in zip(self._settings.text_columns, values, strict=True):
            if value is None:
                return f"{name} is null, expected a text"
            try:
                text = check_text(name, value)
            except InputError as error:
                return str(error)
            if len(text) > self._settings.max_chars:
                return (
                    f"{name} has {len(text):,} characters, expected at most "
                    f"{self._settings.max_chars:,}"
                )
        return None

    def _item(self, texts: tuple[Any, ...]) -> Any:
        question = self._settings.question
        whole = texts if question is None else (question, *texts)
        return whole[0] if len(whole) == 1 else whole

    def _predict(
        self,
        places: Sequence[int],
        items: list[Any],
        records: list[Record | None],
        problems: list[str | None],
    ) -> int:
        """Answer items, and find by halving those that the model refuses.

        Returns how many were cut.
        """
        if not items:
            return 0
        try:
            found = self._model.predict(items, self._options, progress=False)
        except InputError as error:
            if len(items) == 1:
                problems[places[0]] = str(error)
                return 0
            half = len(items) // 2
            first = self._predict(places[:half], items[:half], records, problems)
            return first + self._predict(places[half:], items[half:], records, problems)
        for place, answer in zip(places, found, strict=True):
            records[place] = self._record(answer)
        report = self._model.last_report
        return len(report.truncated) if report else 0

    def _require_good(self, chunk: Chunk, problems: Sequence[str | None]) -> None:
        for place, problem in zip(chunk.places, problems, strict=True):
            if problem is not None:
                raise InputError(
                    f"{place}: {problem}; mend the row, or let bad rows have null answers with "
                    "--on-bad null"
                )


def task_options(spec: TaskSpec, settings: JobSettings) -> TaskOptions:
    """Arguments of the task's method, as a job's record has them.

    Raises:
        ConfigError, InputError: the task refuses them.
    """
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings.options.items()
    }
    return spec.options(**given)


def _check_texts(spec: TaskSpec, settings: JobSettings) -> None:
    """Refuse columns and a question that do not make the items of the task.

    Raises:
        ConfigError: they do not.
    """
    asked, pairs = spec.command.question, settings.column_pair is not None
    if asked is None and settings.question is not None:
        raise ConfigError(f"task {spec.name!r} has no text that all items share; drop --question")
    if asked is not None and pairs == (settings.question is not None):
        raise ConfigError(
            f"task {spec.name!r} needs either one {asked} with --question, or a column of them "
            "with --column and the other texts with --column-pair"
        )
    if asked is None and spec.command.pairs == "always" and not pairs:
        raise ConfigError(
            f"task {spec.name!r} takes pairs; name the second column with --column-pair"
        )
    if asked is None and spec.command.pairs == "never" and pairs:
        raise ConfigError(f"task {spec.name!r} takes no pairs; leave out --column-pair")


def _row_of(spec: TaskSpec, model: TaskModel[Any], options: TaskOptions) -> tuple[Columns, Any]:
    """The columns of an answer to one row, and what makes the record of it."""
    if spec.alone is not None:
        return spec.alone.columns, spec.alone.record
    if spec.answer_all is not None:
        raise ConfigError(
            f"task {spec.name!r} answers all its texts together, and has no answer to a row alone"
        )
    return spec.columns(model, options), spec.record
