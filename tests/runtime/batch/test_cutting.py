"""Units: every row in just one of them, whatever the file is like."""

import io
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgebert_runtime.batch import json_lines_format
from edgebert_runtime.batch.driver import Part
from edgebert_runtime.batch.json_lines_format import byte_cuts, lines_between
from edgebert_runtime.batch.parquet_format import groups_of, row_cuts
from edgebert_runtime.errors import ConfigError

GROUPS = st.lists(st.integers(0, 30), max_size=12)
LINES = st.lists(st.sampled_from([b"a\n", b"\n", b"long line\r\n", b"\xff\xfe\n", b"{}\n"]))


@given(groups=GROUPS, shard_rows=st.integers(1, 25))
def test_units_of_rows_follow_each_other_and_have_at_most_so_many(
    groups: Sequence[int], shard_rows: int
) -> None:
    cuts = row_cuts(groups, shard_rows)
    assert cuts[0] == 0
    assert cuts[-1] == sum(groups)
    sizes = [stop - start for start, stop in pairwise(cuts)]
    assert all(1 <= size <= shard_rows for size in sizes)
    # No two neighbours would fit into one, but where a row group that is cut keeps its own.
    ends = {sum(groups[:at]) for at in range(len(groups) + 1)}
    for before, middle, after in zip(cuts, cuts[1:], cuts[2:], strict=False):
        assert after - before > shard_rows or middle in ends


@given(groups=GROUPS, data=st.data())
def test_the_row_groups_of_a_unit_hold_its_rows(groups: Sequence[int], data: st.DataObject) -> None:
    total = sum(groups)
    assume(total)
    start = data.draw(st.integers(0, total - 1))
    stop = data.draw(st.integers(start + 1, total))
    first, wanted = groups_of(groups, start, stop)
    rows = [(at, row) for at, count in enumerate(groups) for row in range(count)]
    assert list(dict.fromkeys(at for at, _ in rows[start:stop])) == [
        at for at in wanted if groups[at]
    ]
    assert first == sum(groups[: wanted[0]]) <= start


def test_cuts_by_hand() -> None:
    assert row_cuts([10, 10, 10], 20) == (0, 20, 30)
    assert row_cuts([5, 50, 5], 20) == (0, 5, 21, 38, 55, 60)
    assert row_cuts([], 20) == (0,)


@given(lines=LINES, tail=st.sampled_from([b"", b"no line feed"]), count=st.integers(1, 9))
def test_ranges_of_bytes_have_every_line_once(
    lines: Sequence[bytes], tail: bytes, count: int
) -> None:
    content = b"".join(lines) + tail
    cuts = [len(content) * at // count for at in range(count + 1)]
    found = [
        (line.start, line.content)
        for start, stop in pairwise(cuts)
        for line in lines_between(io.BytesIO(content), start, stop)
    ]
    expected = [*lines, *([tail] if tail else [])]
    assert [line for _, line in found] == expected
    assert [start for start, _ in found] == [
        sum(map(len, expected[:at])) for at in range(len(expected))
    ]


@pytest.mark.parametrize("count", range(1, 12))
def test_a_line_beyond_all_bounds_is_cut_and_the_next_one_is_whole(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines_format, "LONGEST_LINE", 8)
    content = b"short\n" + b"x" * 30 + b"\n" + b"12345678" + b"\nend"
    cuts = [len(content) * at // count for at in range(count + 1)]
    found = [
        line
        for start, stop in pairwise(cuts)
        for line in lines_between(io.BytesIO(content), start, stop)
    ]
    assert [line.content for line in found] == [b"short\n", b"x" * 8, b"12345678", b"end"]
    assert [line.whole for line in found] == [True, False, False, True]
    assert [line.start for line in found] == [0, 6, 37, 46]


def test_the_first_lines_say_how_many_bytes_a_unit_has() -> None:
    sample = list(lines_between(io.BytesIO(b"123456789\n" * 10), 0, 100))
    assert byte_cuts(1000, sample, 25) == (0, 250, 500, 750, 1000)
    assert byte_cuts(1000, sample, 10**6) == (0, 1000)
    assert byte_cuts(0, [], 25) == ()


@given(units=st.integers(0, 200), count=st.integers(1, 9))
def test_shares_have_every_unit_once(units: int, count: int) -> None:
    shares = [list(Part(index, count).of(units)) for index in range(count)]
    assert sorted(number for share in shares for number in share) == list(range(units))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(("index", "count"), [(-1, 4), (4, 4), (0, 0)])
def test_there_is_no_such_share(index: int, count: int) -> None:
    with pytest.raises(ConfigError, match=f"part is {index}/{count}, expected I/N with I from 0"):
        Part(index, count)
