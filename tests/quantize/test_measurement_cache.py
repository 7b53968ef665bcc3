"""Measurements are cached between searches, and a cache that cannot be used is done without."""

import json
from pathlib import Path

import pytest

from edgebert_quantize.search.measurement_cache import MeasurementCache


def test_values_are_there_for_the_next(tmp_path: Path) -> None:
    MeasurementCache(tmp_path, {"graph": "a"}).put("loss", [0.5])
    assert MeasurementCache(tmp_path, {"graph": "a"}).get("loss") == [0.5]
    assert MeasurementCache(tmp_path, {"graph": "b"}).get("loss") is None


def test_without_a_folder_they_last_as_long_as_the_process() -> None:
    cache = MeasurementCache(None, {})
    cache.put("loss", 1)
    assert cache.get("loss") == 1
    assert MeasurementCache(None, {}).get("loss") is None


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff", b'{"loss": '])
def test_a_spoilt_file_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    cache = MeasurementCache(tmp_path, {})
    cache.put("loss", 1)
    (file,) = (tmp_path / "searches").iterdir()
    file.write_bytes(content)
    again = MeasurementCache(tmp_path, {})
    assert again.get("loss") is None
    again.put("loss", 2)
    assert json.loads(file.read_bytes()) == {"loss": 2}


def test_where_nothing_can_be_written_it_does_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    cache = MeasurementCache(blocked, {})
    cache.put("loss", 1)
    assert cache.get("loss") == 1
