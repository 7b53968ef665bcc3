"""What a driver does for very many rows: the planner and the committer with a model of no work."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow
from pyarrow import parquet

from benchmarks.engines import our_folder
from benchmarks.machine import ROOT
from benchmarks.records import Record, new_record

CASE: Final = "batch plan"
COMMAND: Final = "python -m benchmarks scale-plan"
FILES: Final = 1000
ROWS_OF_FILE: Final = 1_000_000
GROUP: Final = 100_000
"""Rows of a row group."""

SHARD_ROWS: Final = (32_768, 10_000)
"""Those of the command, and so few that there are 10⁵ units."""

SHARES: Final = 25
"""Of which one is committed: what a commit does is the same for every unit."""

IN_MEMORY: Final = Path("/dev/shm")
"""Where sources and shards lie: a flush costs what its disk costs, which is not asked here."""


def measure(
    *,
    files: int = FILES,
    rows: int = ROWS_OF_FILE,
    shares: int = SHARES,
    bundle: Path | None = None,
) -> Record:
    """Plan a job of `files` times `rows` rows and commit a share, for each size of shards.

    Args:
        files: of Parquet.
        rows: of each.
        shares: of which one is committed.
        bundle: whose dimensions answers have; None is that of MiniLM.
    """
    record = new_record(CASE, "", COMMAND, 1)
    with _sources(files, rows) as folder:
        for shard_rows in SHARD_ROWS:
            out = folder.with_name(f"out-{shard_rows}")
            found = run_driver(bundle or our_folder(), folder, out, shard_rows, shares)
            record["rows"].append({"shard_rows": shard_rows, **found})
            shutil.rmtree(out)
    return record


def run_driver(*given: object) -> dict[str, Any]:
    """What `null_driver` says, in a process of its own, whose memory is its alone."""
    command = [sys.executable, "-m", "benchmarks.scale.null_driver", *map(str, given)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def lines_of(record: Record) -> Iterator[str]:
    """What was found, for people."""
    for row in record["rows"]:
        operations = ", ".join(
            f"{count / row['committed']:.1f} {name}" for name, count in row["operations"].items()
        )
        yield (
            f"{row['rows']:,} rows, {row['units']:,} units: planned in {row['plan_s']:.1f} s, "
            f"{row['committed']:,} of them committed in {row['run_s']:.1f} s, "
            f"the same command again {row['resume_s']:.1f} s, --status {row['status_s']:.1f} s, "
            f"peak {row['peak_bytes'] / 2**20:.0f} MiB, "
            f"a unit has {operations}"
        )


@contextmanager
def _sources(files: int, rows: int) -> Iterator[Path]:
    """A folder of files that are alike: real row groups, whose texts take a few bytes."""
    place = IN_MEMORY if IN_MEMORY.is_dir() else None
    with TemporaryDirectory(dir=place) as scratch:
        folder = Path(scratch) / "in"
        folder.mkdir()
        first = folder / "00000.parquet"
        parquet.write_table(_same_texts(rows), first, row_group_size=GROUP)
        for number in range(1, files):
            shutil.copyfile(first, folder / f"{number:05d}.parquet")
        yield folder


def _same_texts(rows: int) -> Any:
    indices = pyarrow.array([0] * rows, pyarrow.int32())
    texts: Sequence[str] = ["a text"]
    column = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(texts))
    return pyarrow.table({"text": column.cast(pyarrow.string())})
