"""`edgebert-run batch` on real engines, whose workers, nodes and drivers are killed.

Run by .ci/clusters. Shards must be those of the local engine, whatever died.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow
import pytest
from pyarrow import parquet

from edgebert_runtime import Bundle
from tests.support.batch_jobs import rows, write_rows
from tests.support.clusters import PYTHONS, environment
from tests.support.processes import command_of, descendants, kill, wait_until

ENGINES: Final = ("ray", "spark")
FILES: Final = 3
FILE_ROWS: Final = 8_000
SHARD_ROWS: Final = 1_000
UNITS: Final = FILES * FILE_ROWS // SHARD_ROWS
ROWS: Final = FILES * FILE_ROWS
KILLS: Final = 2
SECONDS: Final = 300
"""A bound for what takes a few seconds on a quiet machine, and minutes on a busy one."""

WORKER: Final = {"ray": "ray::_Actor", "spark": "pyspark.daemon"}
"""What the processes of an engine that answer units call themselves."""

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of rows, in each of which the first has no text."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(FILES):
        first, *others = rows(FILE_ROWS, FILE_ROWS * number)
        given = [{**first, "text": None}, *others]
        write_rows(folder / f"{number}.parquet", given, group=SHARD_ROWS)
    return folder


@pytest.fixture(scope="module")
def expected(
    tiny_bundle: Bundle, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, pyarrow.Table]:
    """The shards of processes that nobody kills."""
    out = tmp_path_factory.mktemp("local") / "out"
    with started(["local", "--workers", "2"], tiny_bundle, source, out) as driver:
        assert driver.wait(SECONDS) == 0
    return shards(out)


@contextmanager
def started(
    engine: list[str], bundle: Bundle, source: Path, out: Path
) -> Iterator[subprocess.Popen[str]]:
    """The command, at work; it is killed where the block ends before it."""
    arguments = [str(bundle.folder), str(source), str(out), "--engine", *engine]
    options = ["--variant", "int8", "--shard-rows", str(SHARD_ROWS), "--json", "--quiet"]
    python = PYTHONS[engine[0]]()
    with subprocess.Popen(
        [str(python), "-m", "edgebert_runtime", "batch", *arguments, *options],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as driver:
        try:
            yield driver
        finally:
            driver.kill()


def shards(out: Path) -> dict[str, pyarrow.Table]:
    return {path.name: parquet.read_table(path) for path in sorted(out.glob("part-*.parquet"))}


def shard_count(out: Path) -> int:
    return len(list(out.glob("part-*.parquet")))


def wait_for_shards(driver: subprocess.Popen[str], out: Path, count: int) -> None:
    """Wait while the driver lives; one that ends has said why on standard error."""

    def holds() -> bool:
        assert driver.poll() is None, f"the driver ended with {driver.returncode}"
        return shard_count(out) >= count

    wait_until(holds, SECONDS, f"{count} shards")


def workers(engine: str, root: int) -> list[int]:
    """Processes below one that answer units."""
    found = [each for each in descendants(root) if WORKER[engine] in command_of(each)]
    if engine == "spark":  # each is a fork of one that starts them
        return [each for each in found if any(each in descendants(other) for other in found)]
    return found


def kill_workers(engine: str, driver: subprocess.Popen[str], out: Path) -> None:
    """Kill one after the other, each when a unit has just got its shard."""
    for _ in range(KILLS):
        wait_for_shards(driver, out, shard_count(out) + 1)
        wait_until(lambda: workers(engine, driver.pid) != [], SECONDS, "a worker")
        kill(workers(engine, driver.pid)[0])


def report_of(driver: subprocess.Popen[str]) -> dict[str, Any]:
    printed, _ = driver.communicate(timeout=SECONDS)
    assert driver.returncode == 0
    report: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return report


def assert_same(found: Mapping[str, pyarrow.Table], expected: Mapping[str, pyarrow.Table]) -> None:
    """Every row once, with its own columns and its answer."""
    assert found.keys() == expected.keys()
    ids = [number for table in found.values() for number in table["id"].to_pylist()]
    assert ids == list(range(ROWS))
    assert all(found[name].equals(table) for name, table in expected.items())


def assert_told(report: Mapping[str, Any], there: int) -> None:
    """All rows that were to be answered, also of a worker that died behind its commit."""
    assert report["rows"] == ROWS - there * SHARD_ROWS
    assert report["failed"] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_no_row_is_lost_or_doubled_when_workers_and_the_driver_are_killed(
    engine: str,
    tiny_bundle: Bundle,
    source: Path,
    expected: Mapping[str, pyarrow.Table],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    command = [engine, "--workers", "2"]
    with started(command, tiny_bundle, source, out) as driver:
        kill_workers(engine, driver, out)
        wait_for_shards(driver, out, UNITS // 3)
        left = descendants(driver.pid)
        kill(driver.pid)
    wait_until(lambda: not any(map(command_of, left)), SECONDS, "the end of the driver's processes")
    there = shard_count(out)
    assert UNITS // 3 <= there < UNITS
    with started(command, tiny_bundle, source, out) as driver:
        kill_workers(engine, driver, out)
        report = report_of(driver)
    assert report["already"] == there
    assert_told(report, there)
    assert_same(shards(out), expected)
    assert (out / "_SUCCESS").exists()
    assert not [path.name for path in out.iterdir() if path.name.endswith(".partial")]


def test_no_row_is_lost_or_doubled_when_a_node_of_two_dies(
    tiny_bundle: Bundle, source: Path, expected: Mapping[str, pyarrow.Table], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with ray_nodes(2) as cluster:
        command = ["ray", "--address", cluster["address"]]
        with started(command, tiny_bundle, source, out) as driver:
            wait_for_shards(driver, out, 2)
            kill(cluster["raylets"][0])
            report = report_of(driver)
    assert_told(report, 0)
    assert_same(shards(out), expected)


@contextmanager
def ray_nodes(count: int) -> Iterator[dict[str, Any]]:
    with subprocess.Popen(
        [str(PYTHONS["ray"]()), "-m", "tests.support.ray_nodes", str(count)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nodes:
        try:
            assert nodes.stdout is not None
            yield json.loads(nodes.stdout.readline())
            nodes.communicate(timeout=SECONDS)
        finally:
            nodes.kill()
