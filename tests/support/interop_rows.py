"""Rows of docs/interop.md, one for each file that a loader was asked to open.

Needs numpy alone, because it runs in the environments of other people's loaders. `EDGEBERT_ROWS`
names the file of JSON lines that rows are added to.
"""

import json
import os
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

ROWS_VARIABLE: Final = "EDGEBERT_ROWS"
TOLERANCE: Final = 2e-5
"""Same file, same engine: only what is around it is done by somebody else."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a loader made of one file.

    Attributes:
        loader: its name.
        version: of it.
        task: what was asked.
        file: `fp32` or `int8`; with what the loader calls it where that differs.
        through: what of ours it needs; nothing for a loader that reads the folder by itself.
        difference: largest absolute difference to our own answer; None if it refused.
        refusal: what it says in place of an answer.
    """

    loader: str
    version: str
    task: str
    file: str
    through: str = ""
    difference: float | None = None
    refusal: str = ""


def agree(
    loader: str,
    task: str,
    file: str,
    found: Any,
    expected: Any,
    *,
    through: str = "",
    tolerance: float = TOLERANCE,
) -> None:
    """Compare a loader's numbers with ours, and write their row.

    Raises:
        AssertionError: they have another shape, or differ by more than the tolerance.
    """
    ours, theirs = np.asarray(expected, dtype=np.float64), np.asarray(found, dtype=np.float64)
    assert ours.shape == theirs.shape
    difference = float(abs(theirs - ours).max())
    write(
        Row(
            loader=loader,
            version=version(loader),
            task=task,
            file=file,
            through=through,
            difference=difference,
        )
    )
    assert difference <= tolerance


def write(row: Row) -> None:
    """Add a row to the file that the environment names."""
    with Path(os.environ[ROWS_VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def read(path: Path) -> list[Row]:
    """The rows of a run, the worst of each kind, sorted."""
    found: dict[tuple[str, ...], Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = Row(**json.loads(line))
        key = (row.loader, row.version, row.task, row.file, row.through)
        before = found.get(key)
        if before is None or (row.difference or 0) > (before.difference or 0):
            found[key] = row
    return [found[key] for key in sorted(found)]
