"""Encoder latency: tokens in, token vectors out, at fixed shapes."""

from collections.abc import Sequence
from typing import Final

from benchmarks.cases.encoding import time_encoders
from benchmarks.models import Model
from benchmarks.records import Record, new_record
from benchmarks.systems import ENCODERS, OURS
from edgebert_runtime.engine.threads import usable_cores

CASE: Final = "latency"
SHAPES: Final = ("1x8", "1x32", "1x128", "1x512", "8x128", "32x64")
"""Batch x sequence, in tokens."""

FEW_SHAPES: Final = ("1x8", "1x32", "1x128")
"""With fewer than all cores, if nobody says: the others would take most of the time of a run."""

SECONDS: Final = 0.25
"""A shape is run for so long in a round."""


def measure(
    model: Model,
    *,
    rounds: int,
    shapes: Sequence[str] = (),
    threads: Sequence[int] = (),
    only: Sequence[str] = (),
) -> Record:
    """Time encoders in turn; the shapes are `SHAPES`, and `FEW_SHAPES` with fewer cores."""
    command = f"python -m benchmarks latency --model {model.name}"
    record = new_record(CASE, model.name, command, rounds)
    every = usable_cores()
    record["rows"] = time_encoders(
        model,
        [each for each in ENCODERS if not only or each.name in only or each.maker == OURS],
        shapes={
            count: shapes or (SHAPES if count == every else FEW_SHAPES)
            for count in threads or sorted({1, every}, reverse=True)
        },
        rounds=rounds,
        seconds=SECONDS,
    )
    return record
