"""Rates of matrix products alone: a roofline for graphs that consist of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from edgebert.profiling.events import Recording
from edgebert.profiling.isolated_matmul import OUTPUT, can_isolate, isolated_matmul
from edgebert.profiling.products import Product
from edgebert.profiling.tracing import GraphRun, profile_graphs
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ConfigError

ROUNDS: Final = 3
RUNS: Final = 20

SQUARES: Final = (512, 1024)
"""Sides of the square products that show the peak rate of a machine."""


@dataclass(frozen=True, kw_only=True)
class MatmulRate:
    """The time of a matrix product alone.

    Attributes:
        product: that was measured.
        microseconds: of its operator, median over all runs.
    """

    product: Product
    microseconds: float

    @property
    def giga_per_second(self) -> float | None:
        """Operations, 10⁹ per second; None if the time is below the resolution."""
        return rate(self.product.operations, self.microseconds)


def rate(operations: float, microseconds: float) -> float | None:
    """Operations, 10⁹ per second; None if the time is below the resolution."""
    return operations / microseconds / 1e3 if microseconds else None


def isolated_rates(
    products: Iterable[Product],
    threads: int | None = None,
    rounds: int = ROUNDS,
    *,
    runs: int = RUNS,
) -> dict[Product, MatmulRate]:
    """Time matrix products alone, in one process per round.

    Times are those of the operator by ONNX Runtime's profiler, as in a profiled graph: without the
    overhead of a run. Weights stay in the CPU caches if they fit, unlike those of a large model.

    Args:
        products: to measure; duplicates are measured once.
        threads: intra-operator threads; None takes every core the process may use.
        rounds: number of processes.
        runs: of each product in a round, after a warm-up.

    Raises:
        ConfigError: a count below 1, or a product that `can_isolate` refuses.
        EdgebertError: a measuring process failed; its last line is in the text.
    """
    threads = usable_cores() if threads is None else threads
    for name, count in {"threads": threads, "rounds": rounds, "runs": runs}.items():
        require_positive(name, count)
    with TemporaryDirectory() as folder:
        matmuls = IsolatedMatmuls(Path(folder), products)
        for _ in range(rounds):
            matmuls.measure(threads, runs)
        return matmuls.rates


def require_positive(name: str, count: int) -> None:
    """Refuse a count below 1.

    Raises:
        ConfigError: the count is below 1.
    """
    if count < 1:
        raise ConfigError(f"{name} must be at least 1, got {count}")


def squares(kinds: Iterable[str]) -> list[Product]:
    """Large square products of these kinds; none of a kind that cannot be isolated."""
    found = [Product(kind, side, side, side) for kind in kinds for side in SQUARES]
    return [product for product in found if can_isolate(product)]


def fastest(rates: Iterable[MatmulRate]) -> dict[str, MatmulRate]:
    """Kind of product → the one with the highest rate."""
    found: dict[str, MatmulRate] = {}
    for item in rates:
        best = found.setdefault(item.product.kind, item)
        if (item.giga_per_second or 0) > (best.giga_per_second or 0):
            found[item.product.kind] = item
    return found


class IsolatedMatmuls:
    """Graphs of one product each in a folder, timed round by round.

    Raises:
        ConfigError: a product that `can_isolate` refuses.
    """

    def __init__(self, folder: Path, products: Iterable[Product]) -> None:
        import onnx_ir as ir

        self._times: dict[Product, list[float]] = {product: [] for product in products}
        self._tasks = []
        for number, product in enumerate(self._times):
            path = folder / f"product_{number}.onnx"
            model, feeds = isolated_matmul(product)
            ir.save(model, path)
            arrays = path.with_suffix(".npz")
            np.savez(arrays, **dict[str, Any](feeds))
            self._tasks.append(GraphRun(graph=path, feeds=arrays, outputs=[OUTPUT]))

    def measure(self, threads: int, runs: int) -> None:
        """One round in a process of its own.

        Raises:
            EdgebertError: it failed; its last line is in the text.
        """
        if self._tasks:
            recordings = profile_graphs(self._tasks, threads, runs)
            for times, recording in zip(self._times.values(), recordings, strict=True):
                times += _times(recording)

    @property
    def rates(self) -> dict[Product, MatmulRate]:
        """Median over the rounds so far."""
        return {
            product: MatmulRate(product=product, microseconds=median(times))
            for product, times in self._times.items()
        }


def _times(recording: Recording) -> Sequence[float]:
    """µs of each run, summed over its operators: ONNX Runtime may split a product into several."""
    return [sum(times) for times in zip(*(node.times_us for node in recording.nodes), strict=True)]
