"""Batch jobs whose folder is in an object store: that of moto, on loopback."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.environments import interpreter
from edgebert_runtime import Bundle
from tests.support.batch_jobs import rows, write_rows

pytestmark = pytest.mark.batch

COUNT: Final = 900
PATIENCE: Final = 120.0
ROOT: Final = Path(__file__).parents[2]
SHOW: Final = """
import json, sys, s3fs, pyarrow.parquet as parquet
store = s3fs.S3FileSystem()
paths = sorted(store.glob(sys.argv[1]))
tables = [parquet.read_table(path, filesystem=store) for path in paths]
print(json.dumps({path: table["id"].to_pylist() for path, table in zip(paths, tables)}))
"""
UPLOAD: Final = """
import sys, s3fs
store = s3fs.S3FileSystem()
store.mkdir("bucket")
store.put(sys.argv[1], "bucket/in.parquet")
"""


@pytest.fixture(scope="module")
def store() -> Iterator[Mapping[str, str]]:
    """The variables by which programs find the server."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(interpreter("store")), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until_it_listens(port)
            yield {
                **os.environ,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "PYTHONPATH": str(ROOT / "runtime"),
            }
        finally:
            server.kill()


def wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1.0):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def python(store: Mapping[str, str], *arguments: str) -> str:
    command = [str(interpreter("store")), *arguments]
    done = subprocess.run(
        command, env=store, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def batch(store: Mapping[str, str], *arguments: str) -> "subprocess.Popen[str]":
    command = [str(interpreter("store")), "-m", "edgebert_runtime", "batch", *arguments]
    return subprocess.Popen(
        command, env=store, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def report(process: "subprocess.Popen[str]") -> dict[str, Any]:
    told, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def shards(store: Mapping[str, str], folder: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads(python(store, "-c", SHOW, f"{folder}/part-*.parquet"))
    return found


def test_a_job_in_a_store(store: Mapping[str, str], tiny_exported: Bundle, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.parquet", rows(COUNT), group=100)
    python(store, "-c", UPLOAD, str(source))
    given = (str(tiny_exported.folder), "s3://bucket/in.parquet", "s3://bucket/out")
    options = ("--shard-rows", "100", "--workers", "1")

    killed = batch(store, *given, *options)
    deadline = time.monotonic() + PATIENCE
    while not shards(store, "bucket/out"):
        assert time.monotonic() < deadline
    killed.kill()
    killed.communicate(timeout=PATIENCE)

    both = [batch(store, *given, *options) for _ in range(2)]  # the same units, at the same time
    found = [report(process) for process in both]
    assert all(each["already"] >= 1 and not each["failed"] for each in found)
    numbers = shards(store, "bucket/out")
    assert len(numbers) == COUNT // 100
    assert [number for shard in numbers.values() for number in shard] == list(range(COUNT))
    status = json.loads(
        python(store, "-m", "edgebert_runtime", "batch", "--status", "s3://bucket/out")
    )
    assert (status["rows"], status["done"], status["complete"]) == (COUNT, COUNT // 100, True)
