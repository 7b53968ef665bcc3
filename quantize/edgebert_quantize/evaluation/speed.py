"""Compare the speed of a quantized graph with that of its fp32 source, on this machine.

Each is timed in a process of its own, in alternating order: two ONNX Runtime sessions in one
process disturb each other's timings, because an idle thread pool spins.
"""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_quantize.evaluation import timed_process
from edgebert_quantize.evaluation.target_cpu import this_cpu
from edgebert_quantize.recipes import Recipe
from edgebert_runtime.bundle.manifest_values import STOCK
from edgebert_runtime.errors import SpeedError
from edgebert_runtime.measurement.rounds import measure_in_rounds
from edgebert_runtime.measurement.sign_test import is_faster_in_every_round
from edgebert_runtime.measurement.timing import output_of
from edgebert_runtime.progress import ProgressCallback

ROUNDS: Final = 5
"""As many as the sign test needs for a false-positive rate of 1/16."""

SECONDS: Final = 0.3
"""Of each graph in each round."""

TOKENS: Final = 128
"""The most tokens of the text that is timed."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Median times of a quantized graph and of its source, one per round, in ms."""

    candidate_ms: tuple[float, ...]
    source_ms: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Time of the quantized graph over that of the source, per round."""
        pairs = zip(self.candidate_ms, self.source_ms, strict=True)
        return [candidate / source for candidate, source in pairs]

    @property
    def over_fp32(self) -> float:
        """Median of the ratios."""
        return median(self.ratios)

    def to_manifest(self, cpu: str) -> dict[str, Any]:
        """The `speed` object of a variant, as docs/bundle-format.md has it.

        Args:
            cpu: the class of CPU that it was measured on.
        """
        return {"over_fp32": self.over_fp32, "rounds": len(self.ratios), "cpu": cpu}

    def require(self, what: str) -> None:
        """Raise if it was slower in every round.

        Raises:
            SpeedError: with the measurement.
        """
        if is_faster_in_every_round(self.source_ms, self.candidate_ms):
            candidate, source = (
                ", ".join(f"{value:.3g}" for value in times)
                for times in (self.candidate_ms, self.source_ms)
            )
            raise SpeedError(
                f"{what} is slower than fp32 on this machine: {candidate} ms against {source} ms a "
                f"text in {len(self.ratios)} rounds; keep fp32, or force it (--force)"
            )


def require_speedup(
    candidate: Path,
    source: Path,
    recipe: Recipe,
    cpu: str,
    feeds: Mapping[str, NDArray[np.int64]],
    progress: ProgressCallback,
) -> Speed | None:
    """Refuse a graph that must be faster than its source and is not.

    Returns:
        What was measured; None where it need not be faster, or is for another class of CPU than
        this machine's.

    Raises:
        SpeedError: it was slower in every round.
    """
    if not recipe.must_be_faster or cpu != this_cpu():
        return None
    progress("comparing its speed with fp32")
    speed = measure_speed(candidate, source, shortened(feeds))
    speed.require(recipe.name)
    return speed


def measure_speed(
    candidate: Path,
    source: Path,
    feeds: Mapping[str, NDArray[np.int64]],
    way: str = STOCK,
) -> Speed:
    """Time both graphs on one input, in alternating order.

    Args:
        candidate: the quantized graph.
        source: the fp32 graph.
        feeds: the input.
        way: how the quantized graph runs: `stock`, or `native` with its library.

    Raises:
        EdgebertError: a measuring process failed; its last line is in the text.
    """
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "feeds.npz"
        np.savez(arrays, **dict[str, Any](feeds))
        measures = {
            candidate: partial(milliseconds, candidate, arrays, way),
            source: partial(milliseconds, source, arrays, STOCK),
        }
        times = measure_in_rounds(measures, ROUNDS)
    return Speed(candidate_ms=tuple(times[candidate]), source_ms=tuple(times[source]))


def shortened(feeds: Mapping[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    """Inputs cut to `TOKENS`; the speed of a dense graph does not depend on the token ids."""
    return {name: array[:, :TOKENS] for name, array in feeds.items()}


def milliseconds(graph: Path, arrays: Path, way: str) -> float:
    """Median time of a run, in a process of its own.

    Args:
        graph: its path.
        arrays: path of an `.npz` file with its inputs.
        way: as `measure_speed` takes it.

    Raises:
        EdgebertError: the process failed; its last line is in the text.
    """
    arguments = (str(graph), str(arrays), str(SECONDS), way)
    return float(output_of([sys.executable, "-P", timed_process.__file__, *arguments]))
