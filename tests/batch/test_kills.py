"""Batch jobs whose processes are killed: no row is lost, none is there twice."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
import pytest

from edgebert_runtime import Bundle
from edgebert_runtime.batch.local_folder import LocalFolder
from tests.support.batch_jobs import answered, rows, write_rows
from tests.support.crashing_shards import CONTENT, SHARD
from tests.support.made_once import MadeOnce

pytestmark = pytest.mark.batch

ROWS: Final = 2400
FILES: Final = 10
UNIT: Final = 600
"""Rows: a unit takes a fifth of a second, so that a kill finds it at work."""

UNITS: Final = FILES * ROWS // UNIT
WORKERS: Final = 2
PATIENCE: Final = 120.0
SHARE: Final = 10 if os.environ.get("CI") else 1
"""CI kills a tenth."""

WORKER_KILLS: Final = 50 // SHARE
DRIVER_KILLS: Final = 20 // SHARE


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for number in range(FILES):
        write_rows(folder / f"{number}.parquet", rows(ROWS, ROWS * number), group=ROWS)
    return folder


@pytest.fixture(scope="session")
def expected(tiny_exported: Bundle, source: Path, made_once: MadeOnce) -> Mapping[str, bytes]:
    """The shards of a job that nobody disturbs."""

    def make(out: Path) -> None:
        assert finished(started(tiny_exported, source, out)) == 0

    return shards(made_once("undisturbed", make))


def started(
    bundle: Bundle, source: Path, out: Path, *more: str, poison: str = ""
) -> "subprocess.Popen[bytes]":
    program = ["-m", "edgebert_runtime", "batch"]
    if poison:
        program = ["-m", "tests.support.crashing_shards", "batch", poison]
    given = [str(bundle.folder), str(source), str(out), "--shard-rows", str(UNIT)]
    command = [sys.executable, *program, *given, "--workers", str(WORKERS), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(process: "subprocess.Popen[bytes]") -> int:
    process.communicate(timeout=PATIENCE)
    return process.returncode


def shards(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("part-*.parquet")}


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    """Child processes, of whichever thread."""
    found: list[int] = []
    for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
        try:
            found += map(int, children.read_text().split())
        except OSError:
            continue  # the thread has ended
    return found


def partials(out: Path) -> list[Path]:
    return list(out.glob(".part-*.partial"))


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process is there, and is more than an entry that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_commit_that_is_killed_at_any_step(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.crashing_shards", "commit", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    steps = int(done.stdout)
    assert steps > 5
    whole = 0
    for step in range(steps):
        folder = LocalFolder(tmp_path / str(step))
        assert folder.read(SHARD) in (None, CONTENT)
        whole += folder.read(SHARD) == CONTENT
        with folder.new_file(SHARD) as file:  # the same command again
            file.write(CONTENT)
        folder.tidy()
        if (tmp_path / str(step)).exists():
            assert [path.name for path in (tmp_path / str(step)).iterdir()] == [SHARD]
    assert 0 < whole < steps


def test_workers_that_are_killed(
    tiny_exported: Bundle, source: Path, expected: Mapping[str, bytes], tmp_path: Path
) -> None:
    """Where three workers died at one unit, the job ends without it; the same command does it."""
    chosen, kills, runs = random.Random(1), 0, 0
    while kills < WORKER_KILLS:
        out = tmp_path / str(runs)
        runs += 1
        process = started(tiny_exported, source, out, "--json")
        before = kills
        while process.poll() is None and kills < WORKER_KILLS:
            wait_for(lambda p=process, o=out: partials(o) or p.poll() is not None)
            time.sleep(chosen.uniform(0.0, 0.15))
            for worker in workers_of(process)[:1]:
                os.kill(worker, signal.SIGKILL)
                kills += 1
        told, said = process.communicate(timeout=PATIENCE)
        if process.returncode:
            given_up = int(said.partition(b" units were given up after 3 attempts")[0].split()[-3])
            assert 0 < 3 * given_up <= kills - before
            assert shards(out).items() < expected.items()
            assert len(shards(out)) == UNITS - given_up
            assert finished(started(tiny_exported, source, out)) == 0
        else:
            assert json.loads(told.splitlines()[-1])["rows"] == FILES * ROWS
        assert shards(out) == expected
        assert not partials(out)  # of at most a unit a kill, removed at the end


def test_drivers_that_are_killed(
    tiny_exported: Bundle, source: Path, expected: Mapping[str, bytes], tmp_path: Path
) -> None:
    chosen, kills, runs = random.Random(2), 0, 0
    while kills < DRIVER_KILLS:
        out = tmp_path / str(runs)
        runs += 1
        while kills < DRIVER_KILLS:
            process = started(tiny_exported, source, out)
            wait_for(lambda p=process, o=out: partials(o) or p.poll() is not None)
            time.sleep(chosen.uniform(0.0, 0.3))
            workers = workers_of(process)
            process.kill()
            process.communicate(timeout=PATIENCE)
            wait_for(lambda w=workers: not any(map(is_running, w)))  # they end with their driver
            if process.returncode == 0:
                break
            kills += 1
            assert len(partials(out)) <= WORKERS  # what is to be done again
            assert shards(out).items() <= expected.items()
        assert finished(started(tiny_exported, source, out)) == 0
        assert shards(out) == expected
        assert not partials(out)


def test_rows_that_kill_their_workers_are_given_up(
    tiny_exported: Bundle, source: Path, expected: Mapping[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = started(tiny_exported, source, out, poison="3,17")
    told, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert f"2 of {UNITS} units were given up after 3 attempts each".encode() in said
    assert json.loads(told.splitlines()[-1])["failed"] == [3, 17]
    record = json.loads((out / "_edgebert" / "failed" / "000003.json").read_text(encoding="utf-8"))
    assert record["reason"] == "its worker died: signal 9"
    assert len(shards(out)) == UNITS - 2
    assert finished(started(tiny_exported, source, out)) == 0  # the same command tries again
    assert shards(out) == expected


def test_shares_on_several_machines_at_once(
    tiny_exported: Bundle, source: Path, expected: Mapping[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shares = [
        started(tiny_exported, source, out, "--part", f"{index}/3", "--workers", "1")
        for index in range(3)
    ]
    assert [finished(share) for share in shares] == [0, 0, 0]
    assert shards(out) == expected
    assert (out / "_SUCCESS").exists()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_driver_that_is_asked_to_end(
    number: int,
    code: int,
    tiny_exported: Bundle,
    source: Path,
    expected: Mapping[str, bytes],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    process = started(tiny_exported, source, out)
    wait_for(lambda: partials(out))
    workers = workers_of(process)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, said
    assert b"Traceback" not in said
    assert not any(map(is_running, workers))
    assert finished(started(tiny_exported, source, out)) == 0
    assert shards(out) == expected


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """What processes of this block may write to a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_loses_nothing(
    tiny_exported: Bundle, source: Path, expected: Mapping[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with largest_file(min(map(len, expected.values())) - 1):
        process = started(tiny_exported, source, out)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert b"disk full: " in said
    assert b"Traceback" not in said
    assert not shards(out)
    assert not partials(out)
    assert finished(started(tiny_exported, source, out)) == 0
    assert shards(out) == expected


def test_all_rows_are_there_once_in_their_order(
    expected: Mapping[str, bytes], tmp_path: Path
) -> None:
    for name, content in expected.items():
        (tmp_path / name).write_bytes(content)
    assert answered(tmp_path).column("id").to_pylist() == list(range(FILES * ROWS))
    assert all(pq.read_metadata(tmp_path / name).num_rows == UNIT for name in expected)
