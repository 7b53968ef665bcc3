"""Units as jobs of Spark, one each, in Python workers that keep their model.

A job of its own for each unit tells what became of it at once, and fails alone. Spark's own retries
are off: the driver gives a unit again that was lost with its worker.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

from edgebert_runtime.batch.engines.attempts import Attempts, Order, Told
from edgebert_runtime.batch.job import Job
from edgebert_runtime.batch.worker import UnitFailure, UnitResult
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ConfigError, EngineError

OWN_ADDRESS: Final = "127.0.0.1"
"""Of a Spark that runs on this machine alone."""


@dataclass(frozen=True)
class SparkEngine:
    """Tasks of Spark, whose Python workers have a model each.

    Attributes:
        address: the master, such as `spark://host:7077`; None is a Spark of this machine, which
            ends with this process.
        workers: how many units run at once; None is as many as the cluster's cores have room for.
        threads: of each, and cores that it books.
    """

    address: str | None = None
    workers: int | None = None
    threads: int = 1

    def run(
        self,
        job: Job,
        numbers: Sequence[int],
        on_result: Callable[[UnitResult], None],
        on_failure: Callable[[UnitFailure], None],
    ) -> None:
        """Try each unit once.

        Raises:
            ConfigError: pyspark is not installed.
            EngineError: Spark does not start, or has ended.
        """
        context, group = self._context(), f"edgebert-{job.fingerprint}"
        units = _Units(context, group, Order.of(job, self.threads))
        room = max(context.defaultParallelism // self.threads, 1)
        with ThreadPoolExecutor(min(self.workers or room, len(numbers))) as pool:
            try:
                for done in as_completed([pool.submit(units.attempt, each) for each in numbers]):
                    told = done.result()
                    if isinstance(told, UnitResult):
                        on_result(told)
                    else:
                        on_failure(told)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                context.cancelJobGroup(group)
                raise

    def _context(self) -> Any:
        """The Spark of this process, started unless it runs."""
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else python3 of the path
        try:
            from pyspark import SparkConf, SparkContext
            from pyspark.errors import PySparkRuntimeError
        except ImportError as error:
            raise ConfigError(
                "engine spark needs pyspark: pip install 'edgebert-runtime[spark]'"
            ) from error
        conf = SparkConf().setAppName("edgebert").setAll(self._settings().items())
        try:
            return SparkContext.getOrCreate(conf)
        except PySparkRuntimeError as error:
            raise EngineError(
                f"Spark does not start: {error}; pyspark 4 needs Java 17 or later, on the path or "
                "named by JAVA_HOME"
            ) from error

    def _settings(self) -> dict[str, str]:
        settings = {
            "spark.task.cpus": str(self.threads),
            "spark.task.maxFailures": "1",
            "spark.ui.showConsoleProgress": "false",
        }
        if self.address is not None:
            return settings | {"spark.master": self.address}
        cores = self.workers * self.threads if self.workers else usable_cores()
        return settings | {
            "spark.master": f"local[{max(cores, self.threads)}]",
            "spark.driver.bindAddress": OWN_ADDRESS,
            "spark.driver.host": OWN_ADDRESS,
            "spark.ui.enabled": "false",
        }


class _Units:
    """Units of a job, each a job of Spark."""

    def __init__(self, context: Any, group: str, order: Order) -> None:
        from py4j.protocol import Py4JJavaError

        self._context, self._group, self._error = context, group, Py4JJavaError
        self._run = partial(_run, order)

    def attempt(self, number: int) -> Told:
        """Try a unit, and wait for it.

        Raises:
            EngineError: Spark has ended.
        """
        told: Told
        self._context.setJobGroup(self._group, f"unit {number}", interruptOnCancel=True)
        try:
            (told,) = self._context.parallelize([number], 1).mapPartitions(self._run).collect()
        except self._error as error:
            if self._context._jsc.sc().isStopped():  # noqa: SLF001  # PySpark has no other way
                raise EngineError("Spark has ended; its own log says why") from error
            told = UnitFailure(number, f"its worker died: {_reason(error)}")
        return told


@lru_cache(maxsize=1)
def _attempts(order: Order) -> Attempts:
    """The model that a Python worker keeps from unit to unit."""
    return Attempts(order)


def _run(order: Order, numbers: Iterable[int]) -> Iterator[Told]:
    """What a Python worker does."""
    return map(_attempts(order).run, numbers)


def _reason(error: Any) -> str:
    lines = str(error.java_exception.getMessage()).strip().splitlines()
    return lines[0]
