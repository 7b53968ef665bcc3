"""Profile a variant."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgebert.profiling.events import NodeTime, Recording, joined
from edgebert.profiling.isolated_matmul import can_isolate
from edgebert.profiling.layers import UNASSIGNED, regions_of
from edgebert.profiling.products import Product, products_of
from edgebert.profiling.report import Operator, ProfileReport
from edgebert.profiling.roofline import (
    ROUNDS,
    IsolatedMatmuls,
    MatmulRate,
    fastest,
    require_positive,
    squares,
)
from edgebert.profiling.tracing import GraphRun, profile_graphs, time_plain
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.feeds import make_feeds
from edgebert_runtime.loading.load import load
from edgebert_runtime.loading.options import LoadOptions
from edgebert_runtime.loading.selection import pick, situation_here, warn_of_another
from edgebert_runtime.measurement.rounds import alternating_rounds
from edgebert_runtime.progress import ProgressCallback
from edgebert_runtime.tasks.registry import require_task

if TYPE_CHECKING:
    import onnx_ir as ir

SEQUENCE: Final = 128
RUNS: Final = 50


def profile(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    *,
    batch: int = 1,
    sequence: int | None = None,
    threads: int | None = None,
    runs: int = RUNS,
    progress: ProgressCallback | None = None,
) -> ProfileReport:
    """Measure a variant on the CPU, operator by operator, and its matrix products alone.

    The graph with the profiler, the graph without it and the products are measured in three
    alternating rounds, each in a process of its own.

    Args:
        bundle: the bundle or its folder.
        variant: as `load` takes it where edgebert-native is not installed: its one operator has no
            products to be seen. The bundle's graph is measured, not a graph cached by `warm`.
        batch: number of texts.
        sequence: tokens per text; None is 128, or the limit of the model if that is less.
        threads: intra-operator threads; None takes every core the process may use.
        runs: the least number of runs of the graph and of each product, over all rounds.
        progress: called with the name of each step.

    Raises:
        BundleError: the bundle cannot be read, or ONNX Runtime cannot open the graph.
        ConfigError: an unknown variant, a count below 1, or more tokens than the model takes.
        EngineError: ONNX Runtime wrote no profile, or not all of it.
        ProviderUnavailableError: the variant needs another provider than the CPU.
        EdgebertError: a measuring process failed; its last line is in the text.
    """
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    sequence = _checked(manifest, batch, sequence, runs)
    here = replace(situation_here(opened, LoadOptions.of("cpu"), asked=variant), libraries={})
    name = pick(opened, here).name
    warn_of_another(opened, here, stacklevel=3)
    with load(opened, name, "cpu", threads=threads, cache_dir=False) as model:
        info = model.info()
    graph = opened.path_of(manifest.variants[info.variant].file)
    rounds = min(ROUNDS, runs)
    with TemporaryDirectory() as folder:
        task = _task(Path(folder), graph, manifest, batch, sequence)
        measurements = _Measurements(task, info.threads, math.ceil(runs / rounds))
        for number, order in enumerate(alternating_rounds(measurements.steps, rounds), start=1):
            if progress is not None:
                progress(f"profiling {info.variant}, round {number} of {rounds}")
            for step in order:
                step()
        operators = measurements.operators(
            "pooling" if manifest.default_task == "embed" else "head"
        )
    return ProfileReport(
        bundle=opened.folder.resolve().name,
        variant=info.variant,
        engine=str(import_engine().__version__),
        batch=batch,
        sequence=sequence,
        threads=info.threads,
        runs=len(measurements.plain_us),
        operators=operators,
        outside_us=median(measurements.recording.outside_us),
        profiled=Quartiles.of(measurements.recording.wall_us),
        plain=Quartiles.of(measurements.plain_us),
        rates=measurements.rates,
        ceilings=fastest(measurements.square_rates),
    )


def _checked(manifest: Manifest, batch: int, sequence: int | None, runs: int) -> int:
    """The sequence length, after checking all counts.

    Raises:
        ConfigError: a count is out of range.
    """
    limit = manifest.tokenizer.max_positions
    sequence = min(SEQUENCE, limit) if sequence is None else sequence
    for name, count in {"batch": batch, "sequence": sequence, "runs": runs}.items():
        require_positive(name, count)
    if sequence > limit:
        raise ConfigError(f"sequence must be at most {limit}, the model's limit; got {sequence}")
    return sequence


def _task(folder: Path, graph: Path, manifest: Manifest, batch: int, sequence: int) -> GraphRun:
    """A variant's graph and random tokens: the speed of a dense graph does not depend on them."""
    vocabulary = manifest.architecture["vocabulary"] or 1
    ids = np.random.default_rng(0).integers(0, vocabulary, (batch, sequence), dtype=np.int64)
    feeds = folder / "feeds.npz"
    np.savez(feeds, **dict[str, Any](make_feeds(ids)))
    return GraphRun(
        graph=graph,
        feeds=feeds,
        outputs=require_task(manifest.default_task).outputs,
        optimized=folder / "optimized.onnx",
    )


class _Measurements:
    """A graph with the profiler, without it, and its products alone, measured round by round.

    Attributes:
        plain_us: of each run without the profiler.
    """

    def __init__(self, task: GraphRun, threads: int, runs: int) -> None:
        self._task, self._threads, self._runs = task, threads, runs
        self._recordings: list[Recording] = []
        self.plain_us: list[float] = []

    @property
    def steps(self) -> Sequence[Callable[[], None]]:
        """The steps of a round; the first recording finds the products for the last step."""
        return self._profile_graph, self._time, self._time_products

    @property
    def recording(self) -> Recording:
        """Of all rounds."""
        return joined(self._recordings)

    @property
    def rates(self) -> dict[Product, MatmulRate]:
        """Rates of the graph's products alone, of those that can be isolated."""
        rates = self._matmuls.rates
        return {product: rates[product] for product in self._products if can_isolate(product)}

    @property
    def square_rates(self) -> list[MatmulRate]:
        """Rates of large square products of the same kinds."""
        return [self._matmuls.rates[product] for product in self._squares]

    def operators(self, head: str) -> tuple[Operator, ...]:
        """Operators over all rounds; `head` names the region after the layers."""
        regions = regions_of(self._graph, head)
        rates = self.rates
        return tuple(
            Operator(
                name=node.name,
                kind=node.operator,
                region=regions.get(node.name, UNASSIGNED),
                microseconds=node.microseconds,
                products=self._products_of(node),
                isolated_us=_isolated_us(self._products_of(node), rates),
            )
            for node in self.recording.nodes
        )

    def _profile_graph(self) -> None:
        task = replace(self._task, optimized=None) if self._recordings else self._task
        self._recordings += profile_graphs([task], self._threads, self._runs)

    def _time(self) -> None:
        self.plain_us += time_plain(self._task, self._threads, self._runs)

    def _time_products(self) -> None:
        self._matmuls.measure(self._threads, self._runs)

    @cached_property
    def _graph(self) -> "ir.Graph":
        """The graph that ONNX Runtime runs, written by the first recording."""
        import onnx_ir as ir

        return ir.load(str(self._task.optimized)).graph

    @cached_property
    def _nodes(self) -> "dict[str, ir.Node]":
        """Name → node, for unique names."""
        uses = Counter(node.name for node in self._graph)
        return {str(node.name): node for node in self._graph if uses[node.name] == 1}

    @cached_property
    def _products(self) -> list[Product]:
        """Distinct products of the graph."""
        nodes = self._recordings[0].nodes
        return list(dict.fromkeys(item for node in nodes for item in self._products_of(node)))

    @cached_property
    def _squares(self) -> list[Product]:
        return squares(dict.fromkeys(product.kind for product in self._products))

    @cached_property
    def _matmuls(self) -> IsolatedMatmuls:
        isolable = [product for product in self._products if can_isolate(product)]
        return IsolatedMatmuls(self._task.feeds.parent, [*isolable, *self._squares])

    def _products_of(self, node: NodeTime) -> tuple[Product, ...]:
        return products_of(node, self._nodes.get(node.name))


def _isolated_us(
    products: tuple[Product, ...], rates: Mapping[Product, MatmulRate]
) -> float | None:
    """Time of products alone; None if one of them cannot be isolated."""
    if not all(product in rates for product in products):
        return None
    return sum((rates[product].microseconds for product in products), 0.0)
