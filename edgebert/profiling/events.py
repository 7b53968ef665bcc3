"""Times of operators, read from the file of ONNX Runtime's profiler.

https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from edgebert_runtime.errors import EngineError

KERNEL: Final = "_kernel_time"
"""The end of the name of an operator's event; older versions time its fences as well."""

RUN: Final = "model_run"

CONTROL_FLOW: Final = frozenset({"If", "Loop", "Scan"})
"""Operators whose time includes the time of other operators."""


class Tensor(NamedTuple):
    """ONNX Runtime's name of a type, such as `float` or `uint8`, and a shape."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class NodeTime:
    """One operator of a graph as ONNX Runtime runs it.

    Attributes:
        name: of the node, in the graph after optimisation.
        operator: its type.
        inputs: in order, without missing ones and without weights that were packed beforehand.
        outputs: in order, without missing ones.
        times_us: one a run.
    """

    name: str
    operator: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    times_us: tuple[float, ...]

    @property
    def microseconds(self) -> float:
        """Median over the runs."""
        return median(self.times_us)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Runs of a graph under the profiler.

    Attributes:
        nodes: in the order of execution; those in the body of another are part of its time.
        outside_us: what a run took and no operator of it, one a run.
        wall_us: of each run as its caller sees it.
    """

    nodes: tuple[NodeTime, ...]
    outside_us: tuple[float, ...]
    wall_us: tuple[float, ...]


class _Event(NamedTuple):
    """One event of the profile, in µs."""

    name: str
    start: int
    duration: int
    details: Mapping[str, Any]

    @property
    def end(self) -> int:
        return self.start + self.duration


def read_profile(path: Path, wall_us: Sequence[float]) -> Recording:
    """Read what the profiler wrote of a session's last runs.

    Args:
        path: the file that `end_profiling` names.
        wall_us: of each run that counts; those before were to warm up.

    Raises:
        EngineError: there is no such file, it is no profile, or it does not hold all of the runs.
    """
    try:
        events = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"ONNX Runtime wrote no profile that can be read ({error}); is there space left in "
            "the folder for temporary files?"
        ) from error
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise EngineError(f"ONNX Runtime wrote no list of events to its profile {path.name}")
    try:
        return _recording(events, tuple(wall_us))
    except KeyError as error:
        raise EngineError(
            f"ONNX Runtime's profile has an event without {error}; this edgebert does not know "
            "what this version writes"
        ) from error


def joined(recordings: Sequence[Recording]) -> Recording:
    """Recordings of one graph on inputs of one shape as one.

    Raises:
        EngineError: they are not of the same operators.
    """
    first = recordings[0]
    alike = [tuple(node.name for node in recording.nodes) for recording in recordings]
    if len(set(alike)) > 1:
        raise EngineError("ONNX Runtime did not run the same operators in every process")
    nodes = [
        replace(node, times_us=tuple(time for found in same for time in found.times_us))
        for node, same in zip(
            first.nodes, zip(*(found.nodes for found in recordings), strict=True), strict=True
        )
    ]
    return Recording(
        nodes=tuple(nodes),
        outside_us=tuple(time for found in recordings for time in found.outside_us),
        wall_us=tuple(time for found in recordings for time in found.wall_us),
    )


def _recording(events: Sequence[Mapping[str, Any]], wall_us: tuple[float, ...]) -> Recording:
    runs = _events(event for event in events if event.get("name") == RUN)[-len(wall_us) :]
    kernels = [event for event in events if str(event.get("name", "")).endswith(KERNEL)]
    timed = _outermost(_events(kernels))
    of_runs = [[event for event in timed if run.start <= event.start <= run.end] for run in runs]
    order = [[(event.name, event.details.get("node_index")) for event in run] for run in of_runs]
    if len(runs) < len(wall_us) or not order[0] or any(found != order[0] for found in order):
        raise EngineError(
            f"ONNX Runtime's profile does not hold the operators of all {len(wall_us)} runs: it "
            "keeps a million events; ask for fewer runs (--runs)"
        )
    sums = [sum(event.duration for event in run) for run in of_runs]
    return Recording(
        nodes=tuple(_node(same) for same in zip(*of_runs, strict=True)),
        outside_us=tuple(float(run.duration - sum_) for run, sum_ in zip(runs, sums, strict=True)),
        wall_us=wall_us,
    )


def _events(raw: Iterable[Mapping[str, Any]]) -> list[_Event]:
    return [_Event(item["name"], item["ts"], item["dur"], item["args"]) for item in raw]


def _outermost(events: Sequence[_Event]) -> list[_Event]:
    """Events that are not in the body of another; such an event comes after those of its body."""
    found: list[_Event] = []
    for event in events:
        if event.details["op_name"] in CONTROL_FLOW:
            found = [earlier for earlier in found if earlier.start < event.start]
        found.append(event)
    return found


def _node(same: Sequence[_Event]) -> NodeTime:
    """One operator, with its time in each run."""
    details = same[0].details
    return NodeTime(
        name=same[0].name.removesuffix(KERNEL),
        operator=str(details["op_name"]),
        inputs=_tensors(details["input_type_shape"]),
        outputs=_tensors(details["output_type_shape"]),
        times_us=tuple(float(event.duration) for event in same),
    )


def _tensors(items: Sequence[Mapping[str, Sequence[int]]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(dtype, tuple(shape)) for item in items for dtype, shape in item.items())
