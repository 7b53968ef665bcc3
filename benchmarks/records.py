"""What was measured, as JSON lines: a record for each case and what it is about.

A record has `case`, `about` (a model, or empty), `command`, `machine`, `rounds` and `rows`. A row
has what tells it apart, and either raw samples or `failure`. A record that was not taken as the
others were says so in a `note`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.machine import ROOT, describe
from benchmarks.pairing import Outcome
from edgebert_runtime.storage.atomic_write import write_whole

FILE: Final = "results.jsonl"
Record = dict[str, Any]
Key = TypeVar("Key")
Result = TypeVar("Result")


def new_record(case: str, about: str, command: str, rounds: int) -> Record:
    """A record without rows; make it before measuring, for the load is then somebody else's."""
    return {
        "case": case,
        "about": about,
        "command": command,
        "machine": describe(),
        "rounds": rounds,
        "rows": [],
    }


def read_records(path: Path) -> list[Record]:
    """All records of a file; none if it is not there.

    Raises:
        ValueError: a line is no record.
    """
    if not path.exists():
        return []
    records: list[Record] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            key_of(record)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"line {number} of {path} is no record of a benchmark") from error
        records.append(record)
    return records


def keep(record: Record, folder: Path) -> None:
    """Put a record into a folder's file, in place of one of the same case and about the same.

    Why a system failed is kept without the places of this machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    others = [each for each in read_records(path) if key_of(each) != key_of(record)]
    kept = record | {"rows": [_without_places(row) for row in record["rows"]]}
    lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in (*others, kept)]
    write_whole(path, "".join(lines))


def _without_places(row: dict[str, Any]) -> dict[str, Any]:
    if "failure" not in row:
        return row
    named = row["failure"].replace(f"{ROOT}/", "").replace(str(Path.home()), "~")
    return row | {"failure": named}


def key_of(record: Record) -> tuple[str, str]:
    """What a file has one record of."""
    return record["case"], record["about"]


def find(records: Sequence[Record], case: str, about: str = "") -> Record | None:
    """The record of a case about something."""
    return next((each for each in records if key_of(each) == (case, about)), None)


def rows_of(
    outcomes: Mapping[Key, Outcome[Result]],
    described: Callable[[Key], dict[str, Any]],
    measured: Callable[[list[Result]], dict[str, Any]],
) -> list[dict[str, Any]]:
    """A row for every system: what it measured, or why it did not."""
    return [
        described(key)
        | ({"failure": outcome.failure} if outcome.failure else measured(outcome.results))
        for key, outcome in outcomes.items()
    ]
