"""The simulation of docs/concepts/scale.md, with fewer rows."""

import pytest

from benchmarks.scale.batch_plan import SHARD_ROWS, lines_of, measure
from edgebert_runtime import Bundle

pytestmark = pytest.mark.batch

FILES, ROWS = 20, 200_000
GROUPS = {32_768: 4, 10_000: 10}
"""Rows of a shard → units of a row group of 100,000 rows."""


def test_a_driver_whose_model_does_nothing(tiny_exported: Bundle) -> None:
    record = measure(files=FILES, rows=ROWS, shares=2, bundle=tiny_exported.folder)
    assert [row["shard_rows"] for row in record["rows"]] == list(SHARD_ROWS)
    for row in record["rows"]:
        units = FILES * 2 * GROUPS[row["shard_rows"]]
        assert (row["units"], row["rows"]) == (units, FILES * ROWS)
        committed, operations = row["committed"], row["operations"]
        assert committed == units // 2
        assert operations["links"] == committed
        assert operations["flushes to disk"] == 2 * committed
        assert operations["folders listed"] < 8  # however many units there are
        assert row["peak_bytes"] < 200 * 2**20
    assert len(list(lines_of(record))) == len(SHARD_ROWS)
