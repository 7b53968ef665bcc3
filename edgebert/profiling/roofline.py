"""How fast matrix products are alone: the floor of what a graph of them can take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from edgebert.profiling.events import Recording
from edgebert.profiling.isolated_matmul import OUTPUT, bare_graph, has_bare
from edgebert.profiling.products import Product
from edgebert.profiling.tracing import GraphRun, record
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ConfigError

ROUNDS: Final = 3
RUNS: Final = 20

SQUARES: Final = (512, 1024)
"""Sides of the products that show what a machine can do."""


@dataclass(frozen=True, kw_only=True)
class BareRate:
    """A product alone.

    Attributes:
        product: which.
        microseconds: of its operator, median over all rounds.
    """

    product: Product
    microseconds: float

    @property
    def giga_per_second(self) -> float | None:
        """Operations, 10⁹ a second; None of what took less than is measured."""
        return rate(self.product.operations, self.microseconds)


def rate(operations: float, microseconds: float) -> float | None:
    """Operations, 10⁹ a second; None of what took less than is measured."""
    return operations / microseconds / 1e3 if microseconds else None


def bare_rates(
    products: Iterable[Product],
    threads: int | None = None,
    rounds: int = ROUNDS,
    *,
    runs: int = RUNS,
) -> dict[Product, BareRate]:
    """Time products alone, all of them in one process a round, one open at a time.

    Times are of the operator by ONNX Runtime's profiler, as a graph's are: what starts and ends a
    run is not in them. Weights stay in the caches if they fit, as those of a large model do not.

    Args:
        products: which; what is there twice is timed once.
        threads: intra-operator threads; None takes every core the process may use.
        rounds: processes.
        runs: of each product in a round, after a warm-up.

    Raises:
        ConfigError: a count below 1, or a product of numbers of which there is no graph.
        EdgebertError: a measuring process failed; its last line is in the text.
    """
    threads = usable_cores() if threads is None else threads
    for name, count in {"threads": threads, "rounds": rounds, "runs": runs}.items():
        require_positive(name, count)
    with TemporaryDirectory() as folder:
        alone = ProductsAlone(Path(folder), products)
        for _ in range(rounds):
            alone.measure(threads, runs)
        return alone.rates


def require_positive(name: str, count: int) -> None:
    """Refuse to measure nothing.

    Raises:
        ConfigError: a count is below 1.
    """
    if count < 1:
        raise ConfigError(f"{name} must be at least 1, got {count}")


def squares(kinds: Iterable[str]) -> list[Product]:
    """Large products of some kinds, one matrix each; of kinds that there is no graph of, none."""
    found = [Product(kind, side, side, side) for kind in kinds for side in SQUARES]
    return [product for product in found if has_bare(product)]


def fastest(rates: Iterable[BareRate]) -> dict[str, BareRate]:
    """Kind of product → the one of most operations a second."""
    found: dict[str, BareRate] = {}
    for item in rates:
        best = found.setdefault(item.product.kind, item)
        if (item.giga_per_second or 0) > (best.giga_per_second or 0):
            found[item.product.kind] = item
    return found


class ProductsAlone:
    """Graphs of one product each in a folder, timed round by round.

    Args:
        folder: where they are written.
        products: which; what is there twice is timed once.

    Raises:
        ConfigError: a product of numbers of which there is no graph.
    """

    def __init__(self, folder: Path, products: Iterable[Product]) -> None:
        import onnx_ir as ir

        self._times: dict[Product, list[float]] = {product: [] for product in products}
        self._tasks = []
        for number, product in enumerate(self._times):
            path = folder / f"product_{number}.onnx"
            model, feeds = bare_graph(product)
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
            recordings = record(self._tasks, threads, runs)
            for times, recording in zip(self._times.values(), recordings, strict=True):
                times += _times(recording)

    @property
    def rates(self) -> dict[Product, BareRate]:
        """What the rounds so far found."""
        return {
            product: BareRate(product=product, microseconds=median(times))
            for product, times in self._times.items()
        }


def _times(recording: Recording) -> Sequence[float]:
    """µs of all operators, one a run; there is more than one where ONNX Runtime splits it."""
    return [sum(times) for times in zip(*(node.times_us for node in recording.nodes), strict=True)]
