"""What a page says of servers and batch jobs."""

from typing import Any

from benchmarks.report.scale import batch_sections, server_sections
from benchmarks.scale.server import SCENARIOS
from edgebert_runtime.reporting.document import Table
from tests.support.recorded_machine import MACHINE


def scenario(took_us: int, *, cpu_s: float, texts: int = 1, refused: int = 0) -> dict[str, Any]:
    """1,000 answers in a second."""
    return {
        "seconds": 1.0,
        "cpu_s": 0.05,
        "samples_us": [took_us] * (1000 // texts),
        "refused_us": [100] * refused,
        "statuses": {},
        "server_cpu_s": cpu_s,
        "texts": texts,
    }


def test_servers_are_set_beside_the_same_model_offline() -> None:
    """Offline: 1,250 texts in a second of two cores, 1.6 ms each; served: 1,000, 1.8 ms each."""
    measured = {name: scenario(2_000, cpu_s=1.8) for name in SCENARIOS}
    measured["8x16"] = scenario(3_000, cpu_s=1.7, texts=20)
    more = {"start_s": 0.4, "peak_bytes": 100 * 2**20, "overload": scenario(9_000, cpu_s=1.9)}
    offline = {"seconds": 1.0, "cpu_s": 2.0, "texts": 1250, "samples_us": [1_700, 1_600, 1_900]}
    rows = [
        {"server": "serve_stock", "system": "ours", "measured": [measured | more]},
        {"server": "fastapi_stock", "system": "theirs", "failure": "not here"},
        {"server": "offline_stock", "system": "offline", "measured": [offline]},
    ]
    record = {"case": "server", "about": "", "command": "again", "machine": MACHINE, "rounds": 1}
    (section,) = server_sections([record | {"rows": rows, "generator": "scale/a.py"}])
    tables = {block.caption: block.rows for block in section.blocks if isinstance(block, Table)}
    most = tables["clients x texts of a request: 64x1"]
    assert most[0] == ["ours", "1000", "0.80", "2.0", "2.0", "1.80", "0.20", "0.050"]
    assert most[1] == ["theirs", *["–"] * 7]
    sixteen = tables["clients x texts of a request: 8x16"][0]
    assert sixteen[1:5] == ["1000", "0.80", "3.0", "–"]  # 50 answers have no 99th percentile
    start = tables["start, memory, and the median wait of one client beyond that of a call"]
    assert start == [["ours", "0.40", "100", "0.30"], ["theirs", *["–"] * 3]]
    assert "theirs has no numbers: not here" in section.text
    assert server_sections([]) == []


def test_batch_jobs_are_set_beside_one_process() -> None:
    """1,000 vectors of 1,536 bytes: 100 s by one process, 125 s and 110 s by two workers."""

    def row(name: str, seconds: float, size: int) -> dict[str, Any]:
        found = {"seconds": seconds, "texts_per_second": 1000 / seconds, "bytes": size}
        return {"contender": name, "system": name, "measured": [found, found]}

    rows = [
        row("embed", 100.0, 1_536_000),
        row("local", 125.0, 1_382_400),
        row("ray", 110.0, 1_536_000),
        {"contender": "spark", "system": "spark", "failure": "no java"},
    ]
    record = {"case": "batch", "about": "", "command": "again", "machine": MACHINE, "rounds": 2}
    (section,) = batch_sections([record | {"rows": rows, "texts": 1000}])
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert table.rows == [
        ["embed", "10", "1.00 (1.00…1.00)", "1.00", "`--only embed`"],
        ["local", "8", "0.80 (0.80…0.80)", "0.90", "`--only local`"],
        ["ray", "9", "0.91 (0.91…0.91)", "1.00", "`--only ray`"],
        ["spark", *["–"] * 3, "`--only spark`"],
    ]
    assert "spark has no numbers: no java" in section.text


def test_a_plan_of_very_many_rows_has_a_row_for_each_size() -> None:
    row = {"rows": 10**9, "units": 40_000, "plan_s": 2.94, "committed": 1600, "run_s": 3.1}
    row |= {"resume_s": 1.26, "peak_bytes": 113 * 2**20}
    record = {"case": "batch plan", "about": "", "command": "again", "machine": MACHINE}
    (section,) = batch_sections([record | {"rows": [row], "rounds": 1}])
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert table.rows == [["1,000,000,000", "40,000", "2.9", "1,600", "3.1", "1.3", "113"]]
