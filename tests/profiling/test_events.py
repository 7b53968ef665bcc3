"""A profile's events as times: a small one written by hand, and what may be wrong with one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgebert.profiling.events import Tensor, joined, read_profile
from edgebert_runtime.errors import EngineError


def kernel(
    name: str, start: int, duration: int, operator: str = "Add", index: int = 0
) -> dict[str, Any]:
    details = {
        "op_name": operator,
        "node_index": str(index),
        "provider": "CPUExecutionProvider",
        "input_type_shape": [{"float": [2, 3]}, {"int64": []}],
        "output_type_shape": [{"float": [2, 3]}],
    }
    return {
        "cat": "Node",
        "name": f"{name}_kernel_time",
        "ts": start,
        "dur": duration,
        "args": details,
    }


def run(start: int, duration: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": start, "dur": duration, "args": {}}


WARM_UP = [kernel("a", 10, 500), kernel("b", 520, 500, index=1), run(0, 1100)]
FIRST = [kernel("a", 2010, 30), kernel("b", 2045, 0, index=1), run(2000, 60)]
SECOND = [kernel("a", 3001, 10), kernel("b", 3012, 6, index=1), run(3000, 20)]
THIRD = [kernel("a", 4001, 20), kernel("b", 4022, 4, index=1), run(4000, 31)]
FENCES = [
    {"cat": "Node", "name": "a_fence_before", "ts": 2009, "dur": 9, "args": {"op_name": "Add"}},
    {"cat": "Session", "name": "session_initialization", "ts": 0, "dur": 9, "args": {}},
    {"cat": "Session", "name": "SequentialExecutor::Execute", "ts": 2001, "dur": 58, "args": {}},
]


def write(folder: Path, events: object) -> Path:
    path = folder / "profile.json"
    path.write_text(json.dumps(events), encoding="utf-8")
    return path


def test_times_are_those_of_the_runs_that_count(tmp_path: Path) -> None:
    path = write(tmp_path, [*FENCES, *WARM_UP, *FIRST, *SECOND, *THIRD])
    found = read_profile(path, [70.0, 25.0, 40.0])
    assert [(node.name, node.operator, node.times_us) for node in found.nodes] == [
        ("a", "Add", (30, 10, 20)),
        ("b", "Add", (0, 6, 4)),
    ]
    assert [node.microseconds for node in found.nodes] == [20, 4]
    assert found.outside_us == (30, 4, 7)
    assert found.wall_us == (70, 25, 40)
    assert found.nodes[0].inputs == (Tensor("float", (2, 3)), Tensor("int64", ()))
    assert found.nodes[0].outputs == (Tensor("float", (2, 3)),)


def test_a_body_is_part_of_what_it_is_the_body_of(tmp_path: Path) -> None:
    events = [
        kernel("before", 5, 2),
        kernel("body", 10, 3, index=7),
        kernel("body", 14, 3, index=7),
        kernel("loop", 9, 10, "Loop", 1),
        kernel("after", 20, 5, index=2),
        run(0, 30),
    ]
    found = read_profile(write(tmp_path, events), [30.0])
    assert [node.name for node in found.nodes] == ["before", "loop", "after"]
    assert found.outside_us == (30 - 2 - 10 - 5,)


def test_operators_that_start_in_the_same_microsecond_are_kept(tmp_path: Path) -> None:
    events = [kernel("a", 1, 0), kernel("b", 1, 0, index=1), kernel("c", 1, 4, index=2), run(0, 9)]
    found = read_profile(write(tmp_path, events), [9.0])
    assert [node.name for node in found.nodes] == ["a", "b", "c"]


def test_recordings_are_joined_run_by_run(tmp_path: Path) -> None:
    first = read_profile(write(tmp_path, FIRST), [70.0])
    second = read_profile(write(tmp_path, SECOND), [25.0])
    both = joined([first, second])
    assert [node.times_us for node in both.nodes] == [(30, 10), (0, 6)]
    assert (both.outside_us, both.wall_us) == ((30, 4), (70, 25))
    other = read_profile(write(tmp_path, [kernel("c", 1, 1), run(0, 3)]), [3.0])
    with pytest.raises(EngineError, match="did not run the same operators"):
        joined([first, other])


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ({"traceEvents": []}, "no list of events"),
        (["model_run"], "no list of events"),
        ([], "not hold the operators of all 2 runs"),
        (FIRST, "not hold the operators of all 2 runs"),
        ([run(0, 5), run(10, 5)], "not hold the operators of all 2 runs"),
        ([*FIRST, *SECOND[1:]], r"ask for fewer runs \(--runs\)"),
        ([*FIRST, {"name": "model_run", "ts": 9}], "has an event without 'dur'"),
        ([{**FIRST[0], "args": {}}, *FIRST[1:], *SECOND], "has an event without 'op_name'"),
    ],
)
def test_what_is_no_whole_profile_is_refused(
    events: list[Mapping[str, Any]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match=message):
        read_profile(write(tmp_path, events), [1.0, 1.0])


@pytest.mark.parametrize("text", [None, "", '[{"name": '])
def test_a_file_that_is_missing_empty_or_cut_is_refused(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(EngineError, match="wrote no profile that can be read"):
        read_profile(path, [1.0])
