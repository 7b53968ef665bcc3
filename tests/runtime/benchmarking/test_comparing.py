"""Two records side by side: what is slower, what is noise, where only the machine was slower."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime.benchmarking.comparison import (
    SAME_MACHINE,
    Change,
    Measured,
    compare,
    read_record,
)
from edgebert_runtime.benchmarking.disturbance import DISTURBED
from edgebert_runtime.cli.compare import compare_lines
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import (
    CheckFailedError,
    ConfigError,
    InputError,
    MachineChangedError,
)

QUIET = [1.0, 1.05, 1.0]


def change(before: Measured, after: Measured) -> Change:
    (found,) = compare({"a": before}, {"a": after})
    return found


def test_a_change_by_hand() -> None:
    (found,) = compare(
        {"a": Measured([1, 2, 3]), "gone": Measured([1, 1])},
        {"a": Measured([4, 4, 4]), "new": Measured([1, 1])},
    )
    assert (found.name, found.ratio, found.machine) == ("a", 2.0, None)
    assert (found.before.low, found.before.high) == (1.5, 2.5)


@pytest.mark.parametrize(
    ("after", "slower"),
    [
        ([12.0, 12.0, 12.0], True),
        ([11.0, 11.0, 11.0], False),  # at the limit, which is allowed
        ([8.0, 12.0, 30.0], False),  # the middle halves overlap
        ([10.9, 12.0, 13.0], True),
        ([5.0, 5.0, 5.0], False),
    ],
)
@pytest.mark.parametrize("yardsticks", [(), QUIET])
def test_slower_is_beyond_the_limit_and_the_noise(
    after: list[float], slower: bool, yardsticks: Sequence[float]
) -> None:
    found = change(Measured([9.0, 10.0, 11.0], yardsticks), Measured(after, yardsticks))
    assert found.is_known
    assert found.is_slower(1.1) is slower


def test_a_slower_machine_is_no_slower_bundle() -> None:
    found = change(Measured([10, 10, 10], [1, 1, 1]), Measured([16, 16, 16], [1.6, 1.6, 1.6]))
    assert (found.machine, found.is_known, found.is_slower(1.1)) == (1.6, False, False)
    # Every round may be near the fastest, and all of AFTER a little slower.
    found = change(Measured([10, 10, 10], [1, 1, 1]), Measured([12, 12, 12], [1.2, 1.2, 1.2]))
    assert (found.counted, found.is_known) == (1.2, False)


def test_what_the_machine_was_slower_by_is_allowed() -> None:
    before = Measured([10.0, 10.0, 10.0], [1.0, 1.0, 1.0])
    assert not change(before, Measured([11.5, 11.5, 11.5], [1.05, 1.05, 1.05])).is_slower(1.1)
    assert change(before, Measured([11.6, 11.6, 11.6], [1.05, 1.05, 1.05])).is_slower(1.1)
    assert change(before, Measured([11.6, 11.6, 11.6], [0.95, 0.95, 0.95])).is_slower(1.1)


def test_disturbed_rounds_do_not_count() -> None:
    calm = Measured([10.0] * 5, [1.0] * 5)
    one = Measured([10.0, 10.0, 10.0, 99.0, 10.0], [1.0, 1.0, 1.0, 2.0, 1.0])
    found = change(calm, one)
    assert (found.after.high, found.is_known, found.is_slower(1.1)) == (10.0, True, False)
    two = Measured([10.0, 99.0, 12.0, 99.0, 12.0], [1.0, 2.0, 1.0, 2.0, 1.0])
    found = change(calm, two)
    assert (found.after.median, found.counted, found.is_known) == (12.0, None, False)


def test_of_two_rounds_both_must_count() -> None:
    calm = Measured([10.0, 10.0], [1.0, 1.0])
    assert change(calm, calm).is_known
    assert not change(calm, Measured([10.0, 99.0], [1.0, 2.0])).is_known


def test_the_fastest_yardstick_is_that_of_as_many_threads() -> None:
    """Another row shows that the machine was never quiet beside this one."""
    busy, calm = Measured([9.0] * 3, [2.0] * 3, 2), Measured([9.0] * 3, [1.0] * 3, 2)
    assert change(busy, busy).is_known
    seen = {"a": busy, "b": calm}
    assert [each.is_known for each in compare(seen, seen)] == [False, True]
    other = {"a": busy, "b": calm._replace(threads=1)}
    assert all(each.is_known for each in compare(other, other))


@given(
    times=st.lists(st.floats(0.1, 100), min_size=5, max_size=5),
    loads=st.lists(st.sampled_from([1.0, 1.5, 2.0, 3.0]), min_size=10, max_size=10),
    noise=st.lists(st.floats(1.0, 1.04), min_size=20, max_size=20),
)
def test_a_program_that_comes_and_goes_never_makes_the_same_bundle_slower(
    times: list[float], loads: list[float], noise: list[float]
) -> None:
    """It slows the yardstick and the bundle alike, up to 4 % of noise of each."""
    base = min(times)
    slowed = [base * load * more for load, more in zip(loads, noise[:10], strict=True)]
    beside = [load * more for load, more in zip(loads, noise[10:], strict=True)]
    found = change(Measured(slowed[:5], beside[:5]), Measured(slowed[5:], beside[5:]))
    assert not found.is_slower(1.1)


def test_everything_is_said_before_it_fails() -> None:
    same, double = Measured([1, 1]), Measured([2, 2])
    lines = compare_lines({"a": same, "b": same}, {"a": same, "b": double}, 1.5)
    assert [next(lines).partition(",")[0] for _ in range(2)] == [
        "BEFORE has no yardstick",
        "AFTER has no yardstick",
    ]
    assert next(lines).split() == ["before,", "ms", "after,", "ms", "ratio", "machine"]
    assert next(lines).split() == ["a", "1.00", "(1.00…1.00)", "1.00", "(1.00…1.00)", "1.00"]
    assert next(lines).split()[-2:] == ["2.00", "slower"]
    with pytest.raises(CheckFailedError, match=r"1 of 2 take more than 1.5 times .*: b$"):
        next(lines)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ([1.0] * 3, [1.6] * 3, r"1.6 times slower while AFTER was measured: .* for 1 of 1"),
        ([1.5] * 3, [1.0] * 3, r"1.5 times slower while BEFORE was measured"),
        ([1.0, 3.0, 3.0], [1.0, 3.0, 3.0], r"another program slowed the machine for a part"),
    ],
)
def test_a_changed_machine_is_said(before: list[float], after: list[float], message: str) -> None:
    pair = ({"a": Measured([5.0] * 3, each)} for each in (before, after))
    lines = compare_lines(*pair)
    assert next(lines).split()[-1] == "machine"
    assert next(lines).split()[-1] == "unknown"
    with pytest.raises(MachineChangedError, match=message):
        next(lines)


def test_a_bundle_known_to_be_slower_is_said_although_the_machine_changed() -> None:
    before = {"a": Measured([5.0] * 3, QUIET), "b": Measured([5.0] * 3, QUIET)}
    after = {"a": Measured([9.0] * 3, QUIET), "b": Measured([9.0] * 3, [2.0] * 3)}
    with pytest.raises(CheckFailedError, match=r"1 of 2 take more than .*: a$"):
        list(compare_lines(before, after))


def test_what_makes_no_sense_is_refused() -> None:
    one = Measured([1, 1])
    with pytest.raises(ConfigError, match="share no measurement; measure the same"):
        compare({"a": one}, {"b": one})
    with pytest.raises(ConfigError, match=r"at least 1, got 0\.9"):
        list(compare_lines({"a": one}, {"a": one}, 0.9))
    assert DISTURBED > SAME_MACHINE


def write(path: Path, factor: float, machine: float | None = None) -> Path:
    beside: dict[str, Any] = {} if machine is None else {"yardstick_ms": machine}
    rounds = [
        {"median_ms": factor * value, "p95_ms": 9, "samples": 3, **beside} for value in (1, 2, 3)
    ]
    timing = {"variant": "int8", "threads": 1, "batch": 8, "sequence": 32, "rounds": rounds}
    start: dict[str, Any] = {"variant": "int8", "rounds_ms": [100.0, 101.0, 101.0]}
    if machine is not None:
        start["yardsticks_ms"] = [machine] * 3
    path.write_text(json.dumps({"timings": [timing], "starts": [start]}), encoding="utf-8")
    return path


def test_records_are_compared_from_a_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = write(tmp_path / "a.json", 1, 1.0), write(tmp_path / "b.json", 3, 1.0)
    assert read_record(before) == {
        "int8, 8×32, 1 thread": Measured([1, 2, 3], [1.0] * 3, 1),
        "int8, start": Measured([100.0, 101.0, 101.0], [1.0] * 3, 1),
    }
    assert main(["compare", str(before), str(before)]) == 0
    assert main(["compare", str(before), str(after)]) == 1
    output = capsys.readouterr()
    assert "slower" in output.out
    assert "1 of 2 take more than 1.1 times as long as before: int8, 8×32" in output.err
    assert main(["compare", str(before), str(after), "--at-most", "3.5"]) == 0
    assert main(["compare", str(before), str(write(tmp_path / "c.json", 3, 1.6))]) == 3
    assert "measure both together: edgebert-run compare BUNDLE_A" in capsys.readouterr().err


def test_an_older_record_is_compared_as_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = write(tmp_path / "a.json", 1), write(tmp_path / "b.json", 3, 1.6)
    assert main(["compare", str(before), str(after)]) == 1
    output = capsys.readouterr().out
    assert output.startswith("BEFORE has no yardstick, so that a slower machine looks like")
    assert "AFTER" not in output


@pytest.mark.parametrize("text", ["{", "[]", '{"timings": []}', '{"timings": 3, "starts": []}'])
def test_what_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"x.json is not a result of `bench --json`"):
        read_record(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_record(tmp_path / "none.json")
