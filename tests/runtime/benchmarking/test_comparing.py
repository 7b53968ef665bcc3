"""Two records side by side: what is slower, what is noise, what is no record."""

import json
from pathlib import Path

import pytest

from edgebert_runtime.benchmarking.comparison import compare, read_times
from edgebert_runtime.cli.bench import compare_lines
from edgebert_runtime.cli.main import main
from edgebert_runtime.errors import CheckFailedError, ConfigError, InputError


def test_a_change_by_hand() -> None:
    (change,) = compare({"a": [1, 2, 3], "gone": [1, 1]}, {"a": [4, 4, 4], "new": [1, 1]})
    assert (change.name, change.ratio) == ("a", 2.0)
    assert (change.before.low, change.before.high) == (1.5, 2.5)


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
def test_slower_is_beyond_the_limit_and_the_noise(after: list[float], slower: bool) -> None:
    (change,) = compare({"a": [9.0, 10.0, 11.0]}, {"a": after})
    assert change.is_slower(1.1) is slower


def test_everything_is_said_before_it_fails() -> None:
    lines = compare_lines({"a": [1, 1], "b": [1, 1]}, {"a": [1, 1], "b": [2, 2]}, 1.5)
    assert next(lines).split() == ["before,", "ms", "after,", "ms", "ratio"]
    assert next(lines).split() == ["a", "1.00", "(1.00…1.00)", "1.00", "(1.00…1.00)", "1.00"]
    assert next(lines).split()[-2:] == ["2.00", "slower"]
    with pytest.raises(CheckFailedError, match=r"1 of 2 take more than 1.5 times .*: b$"):
        next(lines)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="share no measurement; measure the same"):
        compare({"a": [1, 1]}, {"b": [1, 1]})
    with pytest.raises(ConfigError, match=r"at least 1, got 0\.9"):
        list(compare_lines({"a": [1, 1]}, {"a": [1, 1]}, 0.9))


def write(path: Path, factor: float) -> Path:
    rounds = [{"median_ms": factor * value, "p95_ms": 9, "samples": 3} for value in (1, 2, 3)]
    timing = {"variant": "int8", "threads": 1, "batch": 8, "sequence": 32, "rounds": rounds}
    start = {"variant": "int8", "rounds_ms": [100.0, 101.0]}
    path.write_text(json.dumps({"timings": [timing], "starts": [start]}), encoding="utf-8")
    return path


def test_files_are_compared_from_a_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = write(tmp_path / "a.json", 1), write(tmp_path / "b.json", 3)
    assert read_times(before) == {
        "int8, 8×32, 1 thread": [1, 2, 3],
        "int8, start": [100.0, 101.0],
    }
    assert main(["compare", str(before), str(before)]) == 0
    assert main(["compare", str(before), str(after)]) == 1
    output = capsys.readouterr()
    assert "slower" in output.out
    assert "1 of 2 take more than 1.1 times as long as before: int8, 8×32" in output.err
    assert main(["compare", str(before), str(after), "--at-most", "3.5"]) == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"timings": []}', '{"timings": 3, "starts": []}'])
def test_what_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"x.json is not a result of `bench --json`"):
        read_times(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_times(tmp_path / "none.json")
