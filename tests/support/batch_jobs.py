"""Sources of rows for batch jobs, and an engine that runs their units in this process."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from edgebert_runtime.batch.job import Job
from edgebert_runtime.batch.planner import plan_job
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.batch.worker import UnitFailure, UnitResult, UnitWorker

WORDS: Final = (
    "the",
    "cat",
    "sat",
    "on",
    "red",
    "mat",
    "and",
    "ran",
    "far",
    "over",
    "a",
    "blue",
    "dog",
)


def texts(count: int, first: int = 0) -> list[str]:
    """Texts of some lengths, most of them different."""
    numbers = range(first, first + count)
    return [f"{' '.join(WORDS[at % 13 : at % 13 + at % 5 + 1])} {at}" for at in numbers]


def rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Rows with columns of several types."""
    return [
        {"id": first + at, "text": text, "lang": "en" if at % 2 else None, "score": at / 4}
        for at, text in enumerate(texts(count, first))
    ]


def write_rows(path: Path, given: Sequence[Mapping[str, Any]], group: int = 50) -> Path:
    """A file of rows, of the kind that its ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(list(given)), path, row_group_size=group)
        case ".jsonl":
            lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in given)
            path.write_text(lines, encoding="utf-8", newline="\n")
        case ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, list(given[0]))
                writer.writeheader()
                writer.writerows(given)
    return path


def planned(bundle: Path, where: Path, out: Path, task: str = "embed", **settings: Any) -> Job:
    """A job of small units."""
    asked = JobSettings(**{"task": task, "shard_rows": 60, **settings})
    return plan_job(str(bundle), str(where), str(out), asked)


def answered(out: Path) -> pa.Table:
    """All rows of a job's shards, in the order of its sources."""
    shards = sorted(out.glob("part-*.parquet"))
    return pa.concat_tables([pq.read_table(path) for path in shards])


class InlineEngine:
    """Runs units here, one after the other.

    Args:
        before: is told the number of a unit before it runs, and may raise what a worker would.
    """

    def __init__(self, before: Callable[[int], None] = lambda _: None) -> None:
        self._before = before
        self.tried: list[int] = []

    def run(
        self,
        job: Job,
        numbers: Iterable[int],
        on_result: Callable[[UnitResult], None],
        on_failure: Callable[[UnitFailure], None],
    ) -> None:
        with UnitWorker(job, threads=1) as worker:
            for number in numbers:
                self.tried.append(number)
                try:
                    self._before(number)
                    found = worker.run(number)
                except Exception as error:  # as every engine
                    on_failure(UnitFailure.of(number, error))
                else:
                    on_result(found)
