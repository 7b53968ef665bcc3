"""Whether a graph is faster than the one it was made from, here and now.

Each runs in a process of its own, in turn: two ONNX Runtime sessions in one process spoil each
other's timings, because an idle thread pool spins.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_quantize.evaluation.target_cpu import this_cpu
from edgebert_quantize.recipes import Recipe
from edgebert_runtime.benchmarking.timing import output_of, time_runs
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import SpeedError

Progress = Callable[[str], None]

ROUNDS: Final = 3
SECONDS: Final = 0.5
TOKENS: Final = 128
"""Of the one text that is timed, at most."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Medians of a graph and of the one it was made from, one a round, in ms."""

    made_ms: tuple[float, ...]
    source_ms: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Time over the source's, round by round."""
        pairs = zip(self.made_ms, self.source_ms, strict=True)
        return [candidate / source for candidate, source in pairs]

    def require(self, what: str) -> None:
        """Raise if it was slower in every round: then it is not the noise.

        Raises:
            SpeedError: with the measurement.
        """
        if min(self.ratios) > 1:
            candidate, source = (
                ", ".join(f"{value:.3g}" for value in times)
                for times in (self.made_ms, self.source_ms)
            )
            raise SpeedError(
                f"{what} is slower than fp32 on this machine: {candidate} ms against {source} ms a "
                f"text in {ROUNDS} rounds; keep fp32, or force it (--force)"
            )


def require_fast(
    candidate: Path,
    source: Path,
    recipe: Recipe,
    cpu: str,
    feeds: Mapping[str, NDArray[np.int64]],
    progress: Progress,
) -> None:
    """Refuse what is slower than its source; nothing is timed for another class of CPU than this.

    Raises:
        SpeedError: a recipe made for speed was slower in every round.
    """
    if recipe.fast and cpu == this_cpu():
        progress("timing it beside fp32")
        measure_speed(candidate, source, shortened(feeds)).require(recipe.name)


def measure_speed(candidate: Path, source: Path, feeds: Mapping[str, NDArray[np.int64]]) -> Speed:
    """Time both graphs on one input, in turn.

    Raises:
        EdgebertError: a measuring process failed; its last line is in the text.
    """
    times: dict[Path, list[float]] = {candidate: [], source: []}
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "feeds.npz"
        np.savez(arrays, **dict[str, Any](feeds))
        for number in range(ROUNDS):
            for graph in (candidate, source) if number % 2 == 0 else (source, candidate):
                times[graph].append(_milliseconds(graph, arrays))
    return Speed(made_ms=tuple(times[candidate]), source_ms=tuple(times[source]))


def shortened(feeds: Mapping[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    """Inputs cut to what is timed; dense speed does not see which tokens they are."""
    return {name: array[:, :TOKENS] for name, array in feeds.items()}


def _milliseconds(graph: Path, arrays: Path) -> float:
    command = [sys.executable, "-m", "edgebert_quantize.evaluation.speed", str(graph), str(arrays)]
    return float(output_of(command))


def main(graph: str, arrays: str) -> None:
    """Print the median of a graph's runs in this process, in ms."""
    session = Session(Path(graph), provider="cpu")
    with np.load(arrays) as loaded:
        feeds = {name: loaded[name] for name in session.inputs}
    times = time_runs(lambda: session.run(session.outputs, feeds), SECONDS)
    sys.stdout.write(str(1000 * median(times)))


if __name__ == "__main__":
    main(*sys.argv[1:])
