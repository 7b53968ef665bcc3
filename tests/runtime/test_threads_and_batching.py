from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime.engine import threads
from edgebert_runtime.inference.batching import micro_batches


@given(st.lists(st.integers(1, 600), max_size=60), st.integers(1, 2000), st.floats(0, 1))
def test_micro_batches_hold_every_text_once_within_budget_and_padding(
    lengths: list[int], budget: int, max_padding: float
) -> None:
    batches = list(micro_batches(lengths, budget, max_padding))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[index] for index in batch)
        tokens = sum(lengths[index] for index in batch)
        assert len(batch) == 1 or (padded <= budget and padded - tokens <= max_padding * padded)


def test_longest_texts_come_first() -> None:
    assert list(micro_batches([3, 9, 5, 1], 10)) == [[1], [2, 0], [3]]


def test_a_batch_ends_where_it_would_pad_more_than_allowed() -> None:
    lengths = [20, 20, 19, 18, 10]
    assert list(micro_batches(lengths, 100, 0.05)) == [[0, 1, 2, 3], [4]]  # 3 of 80 are padding
    assert list(micro_batches(lengths, 100, 0.01)) == [[0, 1], [2], [3], [4]]
    assert list(micro_batches(lengths, 100, 1.0)) == [[0, 1, 2, 3, 4]]


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "150000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "broken"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
    ids=str,
)
def test_threads_follow_the_cgroups_quota(
    files: dict[str, str], expected: int, tmp_path: Path
) -> None:
    write(tmp_path, files)
    assert threads.usable_cores(tmp_path, tmp_path / "missing") == expected


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/a.slice/b.service", {"a.slice/b.service/cpu.max": "200000 100000"}, 2),
        ("0::/a.slice/b.service", {"a.slice/cpu.max": "300000 100000"}, 3),
        ("0::/a", {"a/cpu.max": "500000 100000", "cpu.max": "400000 100000"}, 4),
        ("0::/a", {"b/cpu.max": "100000 100000"}, 8),
        ("0::/", {}, 8),
        (
            "4:memory:/m\n2:cpu,cpuacct:/a\n1:name=systemd:/s",
            {"cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000"},
            2,
        ),
        ("4:memory:/a", {"cpu/a/cpu.cfs_quota_us": "1", "cpu/a/cpu.cfs_period_us": "1"}, 8),
        ("garbage", {"cpu.max": "100000 100000"}, 1),
    ],
)
def test_threads_follow_the_quota_of_the_group_of_a_process(
    own: str, files: dict[str, str], expected: int, tmp_path: Path
) -> None:
    write(tmp_path, {**files, "own": own})
    assert threads.usable_cores(tmp_path, tmp_path / "own") == expected


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="ascii")
