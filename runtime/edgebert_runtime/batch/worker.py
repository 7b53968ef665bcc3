"""Runs units: what engines start where they have cores, once a worker."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

from edgebert_runtime.batch.answering import Answering
from edgebert_runtime.batch.job import Job, Unit
from edgebert_runtime.batch.shards import ShardWriter
from edgebert_runtime.batch.sources import require_unchanged
from edgebert_runtime.batch.units import read_unit
from edgebert_runtime.errors import EdgebertError, EngineError, TruncationWarning
from edgebert_runtime.loading.model_opener import load_model
from edgebert_runtime.loading.options import LoadOptions


class UnitResult(NamedTuple):
    """A unit that has its shard.

    Attributes:
        number: of the unit.
        rows: of its shard.
        bad: rows that could not be answered.
        seconds: it took.
        cut: texts that were longer than the model takes.
    """

    number: int
    rows: int
    bad: int
    seconds: float
    cut: int = 0


class UnitFailure(NamedTuple):
    """A unit that has no shard yet, because its worker died or raised an error.

    Attributes:
        number: of the unit.
        reason: what happened, in one line.
        error: name of the class of `errors` that ends the whole job; None where the unit may be
            tried again.
    """

    number: int
    reason: str
    error: str | None = None

    @classmethod
    def of(cls, number: int, error: Exception) -> Self:
        """What an exception of a worker means: mistakes of the caller would come again."""
        if isinstance(error, EdgebertError) and not isinstance(error, EngineError):
            return cls(number, str(error), type(error).__name__)
        return cls(number, f"{type(error).__name__}: {error}")


class UnitWorker:
    """Answers units with one open model.

    Args:
        job: whose units.
        threads: of the model; None is every core of the process. Ray and Spark set other limits
            than the engine sees, so that they must say it.

    Raises:
        EdgebertError: the model cannot be opened.
    """

    def __init__(self, job: Job, threads: int | None = None) -> None:
        settings = job.settings
        options = LoadOptions.of(
            settings.provider, dict(settings.provider_options), threads=threads
        )
        self._job, self._folder = job, job.folder
        self._model = load_model(job.record.bundle, job.record.variant, options, settings.task)
        self._answering = Answering(self._model, settings)

    def run(self, number: int) -> UnitResult:
        """Answer a unit and commit its shard; harmless where another does the same.

        Raises:
            InputError: the source has changed or cannot be read; or a row is bad, and bad rows end
                the job.
            OutputError: the shard cannot be written.
            EngineError: the graph could not be run.
        """
        begun, unit = time.monotonic(), self._job.unit(number)
        name = self._job.shard_name(number)
        with self._folder.new_file(name) as file, _quiet():
            with ShardWriter(file, self._job, number, self._answering.columns) as shard:
                self._answer(unit, shard)
            require_unchanged(unit.source)
        seconds = time.monotonic() - begun
        return UnitResult(number, shard.rows, shard.bad, seconds, shard.cut)

    def close(self) -> None:
        """Give the model's memory back."""
        self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, unit: Unit, shard: ShardWriter) -> None:
        for chunk in read_unit(self._job, unit):
            shard.write(chunk.kept, self._answering.answer(chunk))


@contextmanager
def _quiet() -> Iterator[None]:
    """Texts that are cut are counted; a warning for each part of a unit would say nothing more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        yield
